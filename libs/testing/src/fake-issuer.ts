import type { Clock } from '@claviger/kernel';
import { SecretValue } from '@claviger/kernel';
import type { IssuerDocuments } from '@claviger/features/principals';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';

/** What `iss` says in the tokens of a {@link FakeIssuer}, and whom they are for. */
export const FAKE_ISS = 'https://issuer.test';
export const FAKE_AUDIENCE = 'claviger';

type Key = { readonly privateKey: CryptoKey; readonly jwk: JWK };
type Header = { readonly alg?: string; readonly kid?: string; readonly typ?: string };

/** An issuer in memory: signs what it is told, and publishes its keys to whoever asks it for documents. */
export class FakeIssuer implements IssuerDocuments {
  /** The addresses that were fetched, oldest first. */
  readonly fetched: string[] = [];
  /** Answers in place of what it publishes, by address. */
  readonly documents = new Map<string, unknown>();
  /** What a fetch fails with, while there is something. */
  failure: Error | undefined;
  #made = 0;
  #key: Promise<Key> | undefined;

  constructor(private readonly clock: Clock) {}

  async fetch(address: string): Promise<unknown> {
    this.fetched.push(address);
    if (this.failure) throw this.failure;
    if (this.documents.has(address)) return this.documents.get(address);
    if (address === `${FAKE_ISS}/.well-known/openid-configuration`)
      return { issuer: FAKE_ISS, jwks_uri: `${FAKE_ISS}/keys` };
    return { keys: [(await this.key()).jwk] };
  }

  /** Signs with another key from now on, and publishes that alone. */
  async rotate(): Promise<void> {
    this.#key = newKey(`key-${this.#made++}`);
    await this.#key;
  }

  /** Its current key. */
  key(): Promise<Key> {
    return (this.#key ??= newKey(`key-${this.#made++}`));
  }

  /** A token of this subject that is good for a minute, unless the claims say otherwise; undefined leaves a claim out. */
  async token(claims: JWTPayload = {}, header: Header = {}, key?: Key): Promise<SecretValue<string>> {
    const { privateKey, jwk } = key ?? (await this.key());
    const now = Math.floor(this.clock.now().getTime() / 1_000);
    const payload = { iss: FAKE_ISS, aud: FAKE_AUDIENCE, sub: 'ada', iat: now, exp: now + 60, ...claims };
    const jwt = new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: jwk.kid!, ...header });
    return new SecretValue(await jwt.sign(privateKey));
  }
}

/** A key of nobody. */
export async function newKey(kid: string): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } };
}
