import { timingSafeEqual } from 'node:crypto';
import type { NamedMac } from '@claviger/platform/crypto';
import type { SecretType } from './secret-type.js';

const STORE_WIDE = 'claviger/fingerprint/v1';
const SHOWN = 'claviger/shown-fingerprint/v1';

/**
 * The store-wide fingerprint: equal for equal content of one type anywhere in a store, and nothing that can be guessed or
 * computed without the store's key. It stays inside; people see {@link displayFingerprint}.
 *
 * `<key id>:<base64url of HMAC-SHA-256 over tag NUL type NUL content>`. Neither tag nor type holds a NUL, so that no two
 * inputs are one text.
 *
 * @param canonical what canonicalJson() returned for the content
 */
export function fingerprint(mac: NamedMac, type: SecretType, canonical: string): string {
  return `${mac.keyId}:${mac.hmac(`${STORE_WIDE}\0${type}\0${canonical}`).toString('base64url')}`;
}

/** The id of the key that a fingerprint was made with; content is compared to it under that key. */
export function fingerprintKeyId(stored: string): string {
  return stored.slice(0, stored.lastIndexOf(':'));
}

/** True when two fingerprints are the same, found without telling by its time how far they agree. */
export function sameFingerprint(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/**
 * What people are shown for a store-wide fingerprint: 80 bits as `xxxx-xxxx-xxxx-xxxx-xxxx`. The same for equal versions of
 * one secret while the fingerprint's key is the same; unrelated between secrets, so that nobody learns from it that two
 * secrets hold one value.
 *
 * @param mac with the key that `stored` was made with
 */
export function displayFingerprint(mac: NamedMac, secretId: string, stored: string): string {
  const digest = mac.hmac(`${SHOWN}\0${secretId}\0${stored}`);
  return digest.toString('hex', 0, 10).replace(/(.{4})(?=.)/g, '$1-');
}
