import { createHmac, randomBytes } from 'node:crypto';
import { SecretValue } from '@claviger/kernel';

const PREFIX = 'whsec_';
const SECRET_BYTES = 32;

/** A new signing secret: `whsec_` and 32 random bytes in base64. */
export function newSigningSecret(): SecretValue {
  return new SecretValue(PREFIX + randomBytes(SECRET_BYTES).toString('base64'));
}

/** What is signed. `timestamp` in whole seconds since 1970. */
export type SignedMessage = { readonly id: string; readonly timestamp: number; readonly body: string };

/**
 * The header `webhook-signature`: one `v1,<base64>` for each secret, separated by spaces. HMAC-SHA-256 of id, timestamp
 * and body joined by dots (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md,
 * "Signature scheme"; several during a rotation, "Webhook secret rotation").
 */
export function signatureOf({ id, timestamp, body }: SignedMessage, secrets: readonly SecretValue[]): string {
  const signed = `${id}.${timestamp}.${body}`;
  return secrets
    .map((secret) => Buffer.from(secret.reveal().slice(PREFIX.length), 'base64'))
    .map((key) => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
    .join(' ');
}
