import { randomBytes } from 'node:crypto';
import { SecretValue } from '@claviger/kernel';

/** Marks Claviger's tokens for people and for secret scanners. */
const PREFIX = 'cvg_';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62^43 is the first power of 62 above 2^256. */
const TOKEN_DIGITS = 43;
const ACCESSOR_DIGITS = 24;
const TOKEN = new RegExp(`^${PREFIX}[0-9A-Za-z]{${TOKEN_DIGITS}}$`);
const ACCESSOR = new RegExp(`^[0-9A-Za-z]{${ACCESSOR_DIGITS}}$`);

/** A new token: `cvg_` and 32 random bytes in base 62. Whoever has the text has its power. */
export function newTokenText(): SecretValue {
  return new SecretValue(PREFIX + base62(randomBytes(32)).padStart(TOKEN_DIGITS, '0'));
}

/** A new accessor: 24 digits of base 62 from 32 random bytes. Names a token without its power. */
export function newAccessor(): string {
  return base62(randomBytes(32)).padStart(TOKEN_DIGITS, '0').slice(-ACCESSOR_DIGITS);
}

/** True for what can be a token by its form. */
export function isTokenText(text: string): boolean {
  return TOKEN.test(text);
}

/** True for what can be an accessor by its form. */
export function isAccessor(text: string): boolean {
  return ACCESSOR.test(text);
}

function base62(bytes: Buffer): string {
  let rest = BigInt(`0x${bytes.toString('hex')}`);
  let digits = '';
  for (; rest > 0n; rest /= 62n) digits = ALPHABET[Number(rest % 62n)]! + digits;
  return digits;
}
