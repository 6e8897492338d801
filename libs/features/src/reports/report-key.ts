import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { NamedMac } from '@claviger/platform/crypto';
import { calculateJwkThumbprint, CompactSign, type JWK } from 'jose';
import type { ReportManifest } from './report-manifest.js';

/** DER of a PKCS #8 Ed25519 private key (RFC 8410) up to its 32-byte seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** What the signature of a report says it is. */
export const SIGNATURE_TYPE = 'claviger-report-manifest';

/** A public key that reports are checked with (RFC 8037); `kid` is its thumbprint (RFC 7638). */
export type ReportPublicKey = {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly kid: string;
  readonly alg: 'EdDSA';
  readonly use: 'sig';
};

/**
 * Signs manifests with an Ed25519 key of their own, derived from a store's audit key: who can seal the log can sign
 * reports, and nobody keeps another key.
 */
export class ReportSigner {
  readonly #key: KeyObject;

  constructor(auditKey: NamedMac) {
    const seed = auditKey.hmac('claviger/report/ed25519');
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  }

  async publicKey(): Promise<ReportPublicKey> {
    const { x } = createPublicKey(this.#key).export({ format: 'jwk' }) as { x: string };
    const key = { kty: 'OKP', crv: 'Ed25519', x } as const;
    return { ...key, kid: await calculateJwkThumbprint(key as JWK), alg: 'EdDSA', use: 'sig' };
  }

  /** A compact JWS (RFC 7515) with the manifest as its payload and the public key in its header. */
  async sign(manifest: ReportManifest): Promise<string> {
    const { kty, crv, x, kid } = await this.publicKey();
    return new CompactSign(Buffer.from(JSON.stringify(manifest)))
      .setProtectedHeader({ alg: 'EdDSA', typ: SIGNATURE_TYPE, kid, jwk: { kty, crv, x } })
      .sign(this.#key);
  }
}
