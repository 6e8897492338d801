import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto';
import { AppError } from '@claviger/kernel';
import { HmacKey } from './hmac-key.js';

const FORMAT = 1;
const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES;

/** A symmetric key with the id that its ciphertexts carry: 16 lower-case hexadecimal digits. */
export class NamedKey {
  readonly hmac: HmacKey;

  constructor(
    readonly id: string,
    readonly bytes: Buffer,
  ) {
    this.hmac = new HmacKey(bytes);
  }
}

/** Thrown for every ciphertext that does not open: wrong key, wrong row, or changed. One sentence, no reason to guess with. */
export function unsealable(): AppError {
  return new AppError({
    code: 'CIPHERTEXT_INVALID',
    kind: 'internal',
    message: 'A stored ciphertext does not open: it was changed, or belongs to another row or key.',
  });
}

/**
 * Seals bytes for one row: AES-256-GCM under a key derived for that row (HKDF-Expand of RFC 5869 with the store key as
 * pseudo-random key and the row identity as info), with the row identity as additional data.
 *
 * Format: 1 byte version (1) ‖ 8 bytes key id ‖ 12 bytes nonce ‖ ciphertext ‖ 16 bytes tag.
 *
 * @param row identity of the place that may hold this ciphertext, for example `builtin_version/<id>/content`
 */
export function seal(key: NamedKey, row: string, plaintext: Buffer | string): Buffer {
  const nonce = newNonce();
  const cipher = createCipheriv('aes-256-gcm', rowKey(key, row), nonce);
  cipher.setAAD(Buffer.from(row, 'utf8'));
  const body = typeof plaintext === 'string' ? cipher.update(plaintext, 'utf8') : cipher.update(plaintext);
  cipher.final();
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header[0] = FORMAT;
  header.write(key.id, 1, 'hex');
  nonce.copy(header, 1 + KEY_ID_BYTES);
  return Buffer.concat([header, body, cipher.getAuthTag()]);
}

const nonces = Buffer.allocUnsafe(NONCE_BYTES * 256);
let nextNonce = nonces.length;

/** Random bytes are asked for many at a time: the asking costs more than the bytes. Each is used once. */
function newNonce(): Buffer {
  if (nextNonce === nonces.length) {
    randomFillSync(nonces);
    nextNonce = 0;
  }
  const nonce = nonces.subarray(nextNonce, nextNonce + NONCE_BYTES);
  nextNonce += NONCE_BYTES;
  return nonce;
}

/** The id of the key that a ciphertext was sealed under. @throws AppError `CIPHERTEXT_INVALID` */
export function sealedKeyId(sealed: Buffer): string {
  if (sealed.length < HEADER_BYTES + TAG_BYTES || sealed[0] !== FORMAT) throw unsealable();
  return sealed.toString('hex', 1, 1 + KEY_ID_BYTES);
}

/** Opens what {@link seal} made for the same row. @throws AppError `CIPHERTEXT_INVALID` */
export function open(key: NamedKey, row: string, sealed: Buffer): Buffer {
  if (sealedKeyId(sealed) !== key.id) throw unsealable();
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', rowKey(key, row), sealed.subarray(1 + KEY_ID_BYTES, HEADER_BYTES));
  decipher.setAAD(Buffer.from(row, 'utf8'));
  decipher.setAuthTag(sealed.subarray(tagAt));
  const body = decipher.update(sealed.subarray(HEADER_BYTES, tagAt));
  try {
    decipher.final();
  } catch {
    throw unsealable();
  }
  return body;
}

function rowKey(storeKey: NamedKey, row: string): Buffer {
  return storeKey.hmac.digest(`${row}\u0001`);
}
