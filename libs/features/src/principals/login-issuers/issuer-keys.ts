import { BoundedCache, CLOCK, type Clock } from '@claviger/kernel';
import { Logger } from '@claviger/platform/telemetry';
import { Inject, Injectable } from '@nestjs/common';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { issuerDocumentUnusable, loginIssuerUnavailable } from './login-issuers.errors.js';
import { ISSUER_DOCUMENTS, type IssuerDocuments } from './issuer-documents.js';
import type { LoginIssuerEntity } from './login-issuer.entity.js';

/** A key that the issuer has taken back is refused after this time at the latest. */
export const KEYS_LIVE_MS = 600_000;
/** A key that is not known is looked for again no sooner than this. */
export const KEYS_REST_MS = 30_000;
/** After a failure nobody asks again for as long. */
export const FAILURE_RESTS_MS = 10_000;
const ISSUERS = 256;
const MAX_KEYS = 100;

const discovery = z.object({ issuer: z.string(), jwks_uri: z.string().max(2_048) });
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(MAX_KEYS) });

/** Where the keys of an issuer are. */
export type KeySource = Pick<LoginIssuerEntity, 'id' | 'revision' | 'name' | 'issuer' | 'jwksUrl' | 'caCertificate'>;

/**
 * Knows the public keys of issuers. They are fetched when they are needed, one request at a time for each issuer, and
 * kept in memory for ten minutes. An issuer that was changed is asked anew.
 */
@Injectable()
export class IssuerKeys {
  readonly #known = new BoundedCache<string, KeptKeys>(ISSUERS);

  constructor(
    @Inject(ISSUER_DOCUMENTS) private readonly documents: IssuerDocuments,
    private readonly logger: Logger,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Finds the key of a token, for `jwtVerify`. @throws AppError LOGIN_ISSUER_UNAVAILABLE, JOSEError for none */
  of(source: KeySource): JWTVerifyGetKey {
    const kept = this.#keptOf(source);
    return async (header, token) => {
      const keys = await kept.current();
      try {
        return await keys(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || kept.isResting()) throw error;
        return (await kept.refresh())(header, token);
      }
    };
  }

  #keptOf(source: KeySource): KeptKeys {
    const key = `${source.id}:${source.revision}`;
    const known = this.#known.get(key);
    if (known) return known;
    const made = new KeptKeys(this.clock, () => this.#fetch(source));
    this.#known.set(key, made);
    return made;
  }

  async #fetch(source: KeySource): Promise<JWTVerifyGetKey> {
    try {
      const address = source.jwksUrl ?? (await this.#discover(source));
      const set = keySet.safeParse(await this.documents.fetch(address, source.caCertificate));
      if (!set.success) throw issuerDocumentUnusable(`it is no set of at most ${MAX_KEYS} keys`);
      return createLocalJWKSet(set.data as unknown as JSONWebKeySet);
    } catch (error) {
      this.logger.warn('login-issuer.keys-unavailable', { issuerId: source.id }, error);
      throw error;
    }
  }

  /** OpenID Connect Discovery 1.0, sections 4.1 and 4.3. */
  async #discover({ issuer, caCertificate }: KeySource): Promise<string> {
    const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = discovery.safeParse(await this.documents.fetch(address, caCertificate));
    if (!document.success) throw issuerDocumentUnusable('it is no discovery document');
    const found = document.data;
    // Else a document of somebody else, at an address that we were led to, would say which keys to believe.
    if (found.issuer !== issuer) throw issuerDocumentUnusable('its issuer is another one');
    const keysAt = URL.canParse(found.jwks_uri) ? new URL(found.jwks_uri).protocol : undefined;
    if (keysAt !== 'https:' && keysAt !== new URL(issuer).protocol)
      throw issuerDocumentUnusable('it leads away from https');
    return found.jwks_uri;
  }
}

/** The keys of one issuer as it was configured at one time. */
class KeptKeys {
  #keys: JWTVerifyGetKey | undefined;
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #flight: Promise<JWTVerifyGetKey> | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly fetch: () => Promise<JWTVerifyGetKey>,
  ) {}

  /** True while nobody looks for keys that are not known. */
  isResting(): boolean {
    return this.#isWithin(this.#fetchedAtMs, KEYS_REST_MS) || this.#isWithin(this.#failedAtMs, FAILURE_RESTS_MS);
  }

  /** Those in memory, or fetched ones when these are too old. @throws AppError LOGIN_ISSUER_UNAVAILABLE */
  async current(): Promise<JWTVerifyGetKey> {
    if (this.#keys && this.#isWithin(this.#fetchedAtMs, KEYS_LIVE_MS)) return this.#keys;
    return this.refresh();
  }

  /** Fetched ones; whoever asks meanwhile gets the same. @throws AppError LOGIN_ISSUER_UNAVAILABLE */
  async refresh(): Promise<JWTVerifyGetKey> {
    if (!this.#flight) {
      if (this.#isWithin(this.#failedAtMs, FAILURE_RESTS_MS)) throw loginIssuerUnavailable(FAILURE_RESTS_MS);
      this.#flight = this.#refresh().finally(() => (this.#flight = undefined));
    }
    return this.#flight;
  }

  async #refresh(): Promise<JWTVerifyGetKey> {
    try {
      this.#keys = await this.fetch();
      this.#fetchedAtMs = this.clock.now().getTime();
      return this.#keys;
    } catch (error) {
      this.#failedAtMs = this.clock.now().getTime();
      throw loginIssuerUnavailable(FAILURE_RESTS_MS, error);
    }
  }

  #isWithin(sinceMs: number, ms: number): boolean {
    const age = this.clock.now().getTime() - sinceMs;
    // A clock that was put back must not keep old keys alive.
    return age >= 0 && age < ms;
  }
}
