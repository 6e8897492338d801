import { createHash, randomUUID } from 'node:crypto';
import type { AdapterCall } from '@claviger/vaults/contract';

/**
 * The ClientRequestToken of a write, which AWS makes the id of the version: a UUID (RFC 9562, version 8) out of the
 * digest of the call's idempotency key, so that a repeated attempt makes no second version; a random one where there is
 * no key.
 * @param turn counts how often the write of this key was superseded and is to be made anew
 */
export function requestToken({ idempotencyKey }: AdapterCall, turn = 0): string {
  if (idempotencyKey === undefined) return randomUUID();
  const bytes = createHash('sha256')
    .update(JSON.stringify(['claviger/aws-request-token/v1', idempotencyKey, turn]))
    .digest()
    .subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
