import { createPublicKey } from 'node:crypto';
import { calculateJwkThumbprint, compactVerify, decodeProtectedHeader, importJWK, type JWK } from 'jose';
import { SIGNATURE_TYPE } from './report-key.js';
import { reportManifest, type ReportManifest } from './report-manifest.js';

/** What is known of the bytes that somebody was given. */
export type DocumentFacts = { readonly bytes: number; readonly sha256: string };

export type ReportVerdict =
  | {
      readonly isGenuine: true;
      readonly manifest: ReportManifest;
      /** Thumbprint of the key that it was checked with. */
      readonly keyId: string;
      /** `signature`: the key stood in the signature itself, which whoever made it could have chosen. */
      readonly keySource: 'trusted' | 'signature';
    }
  | { readonly isGenuine: false; readonly reason: string };

const fake = (reason: string): ReportVerdict => ({ isGenuine: false, reason });

/**
 * Says whether a document is, to the byte, what its signature vouches for. Needs no database and no network.
 *
 * @param trusted the public keys that are believed; without them that in the signature is, which proves only that
 * document and signature belong together
 */
export async function verifyReport(
  document: DocumentFacts,
  signature: string,
  trusted?: readonly JWK[],
): Promise<ReportVerdict> {
  const key = await findKey(signature, trusted);
  if (typeof key === 'string') return fake(key);
  const manifest = await openManifest(signature, key.jwk);
  if (!manifest) return fake('The signature is not one of this key over a manifest of a report.');
  if (manifest.document.sha256 !== document.sha256 || manifest.document.bytes !== document.bytes)
    return fake('The document is not the one that was signed: its bytes were changed, or it is another one.');
  return { isGenuine: true, manifest, keyId: key.kid, keySource: trusted ? 'trusted' : 'signature' };
}

type FoundKey = { readonly jwk: JWK; readonly kid: string };

/** The key, or why there is none. */
async function findKey(signature: string, trusted: readonly JWK[] | undefined): Promise<FoundKey | string> {
  try {
    const { jwk, alg, typ } = decodeProtectedHeader(signature.trim()) as { jwk?: JWK; alg?: string; typ?: string };
    if (alg !== 'EdDSA' || typ !== SIGNATURE_TYPE || !jwk) return 'The file is not the signature of a report.';
    const kid = await calculateJwkThumbprint(jwk);
    if (!trusted) return { jwk, kid };
    // By the key itself, whatever it is called.
    for (const candidate of trusted)
      if ((await calculateJwkThumbprint(candidate)) === kid) return { jwk: candidate, kid };
    return `It was signed with the key ${kid}, which is none of those given.`;
  } catch {
    return 'The file is not the signature of a report.';
  }
}

async function openManifest(signature: string, jwk: JWK): Promise<ReportManifest | undefined> {
  try {
    const key = await importJWK(jwk, 'EdDSA');
    const { payload } = await compactVerify(signature.trim(), key, { algorithms: ['EdDSA'] });
    return reportManifest.safeParse(JSON.parse(new TextDecoder().decode(payload))).data;
  } catch {
    return undefined;
  }
}

/** Ed25519 public keys of a file: a JSON Web Key Set, one JSON Web Key, or PEM. Undefined when there is none. */
export function reportKeysOf(text: string): readonly JWK[] | undefined {
  const keys = text.includes('-----BEGIN') ? fromPem(text) : fromJson(text);
  const good = keys.filter(({ kty, crv, x }) => kty === 'OKP' && crv === 'Ed25519' && typeof x === 'string');
  return good.length === 0 ? undefined : good.map(({ x }) => ({ kty: 'OKP', crv: 'Ed25519', x: x! }));
}

function fromPem(text: string): JWK[] {
  try {
    return [createPublicKey(text).export({ format: 'jwk' }) as JWK];
  } catch {
    return [];
  }
}

function fromJson(text: string): JWK[] {
  try {
    const parsed = JSON.parse(text) as { keys?: unknown };
    const keys: unknown[] = Array.isArray(parsed.keys) ? parsed.keys : [parsed];
    return keys.filter((key): key is JWK => typeof key === 'object' && key !== null);
  } catch {
    return [];
  }
}
