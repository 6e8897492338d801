import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { NamedMac } from '@claviger/platform/crypto';
import { canonicalSeal, type AuditSeal, type AuditSealBody } from './audit-seal.js';

/** DER of a PKCS #8 Ed25519 private key (RFC 8410) up to its 32-byte seed, and of a public key up to its 32 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Signs seals with an Ed25519 key derived from a store's audit key, so that who holds that key needs no other. */
export class SealSigner {
  readonly #key: KeyObject;

  constructor(private readonly auditKey: NamedMac) {
    const seed = auditKey.hmac('claviger/audit-seal/ed25519');
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  }

  /** Names the audit key, and so this one. */
  get keyId(): string {
    return this.auditKey.keyId;
  }

  /** The 32 bytes of the public key in base64: what an auditor needs to check signatures. */
  get publicKey(): string {
    const spki = createPublicKey(this.#key).export({ format: 'der', type: 'spki' });
    return spki.subarray(SPKI_PREFIX.length).toString('base64');
  }

  sign(body: AuditSealBody): AuditSeal {
    return { ...body, signature: this.signText(canonicalSeal(body)) };
  }

  /** The signature of a text in hexadecimal. The text says of what kind it is, so that none passes for another. */
  signText(text: string): string {
    return sign(null, Buffer.from(text), this.#key).toString('hex');
  }
}

/** True when the seal was signed with the private half of `publicKey` (32 bytes in base64). */
export function isSignedBy(seal: AuditSeal, publicKey: string): boolean {
  return isTextSignedBy(canonicalSeal(seal), seal.signature, publicKey);
}

/** True when the text was signed with the private half of `publicKey` (32 bytes in base64). */
export function isTextSignedBy(text: string, signature: string, publicKey: string): boolean {
  const bytes = Buffer.from(publicKey, 'base64');
  if (bytes.length !== 32) return false;
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes]), format: 'der', type: 'spki' });
  return verify(null, Buffer.from(text), key, Buffer.from(signature, 'hex'));
}
