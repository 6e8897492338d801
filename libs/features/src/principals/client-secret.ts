import { randomBytes } from 'node:crypto';
import { SecretValue } from '@claviger/kernel';

/** Marks the secrets of service accounts for people and for secret scanners. */
const PREFIX = 'cvgs_';
const SECRET = new RegExp(`^${PREFIX}[0-9A-Za-z_-]{43}$`);

/** A new client secret: `cvgs_` and 32 random bytes in base64url. */
export function newClientSecret(): SecretValue<string> {
  return new SecretValue(PREFIX + randomBytes(32).toString('base64url'));
}

/** True for what can be a client secret by its form. */
export function isClientSecret(text: string): boolean {
  return SECRET.test(text);
}
