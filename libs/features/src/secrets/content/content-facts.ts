import type { EntropyClass } from './entropy-class.js';

/** How long a secret value is, in characters, as coarsely as rules about strength need. Empty values have no class. */
export const LENGTH_CLASSES = ['1-7', '8-11', '12-15', '16-23', '24-31', '32-63', '64+'] as const;
export type LengthClass = (typeof LENGTH_CLASSES)[number];

const LENGTH_LIMITS = [8, 12, 16, 24, 32, 64];

/** The class of a value's length; a character is a Unicode code point. */
export function lengthClass(value: string): LengthClass {
  // No longer than the code points are: enough to tell the last class without counting a long value.
  const length = value.length >= 128 ? 64 : [...value].length;
  return LENGTH_CLASSES.at(LENGTH_LIMITS.findIndex((limit) => length < limit))!; // -1 is the last class
}

/** Times are ISO 8601 in UTC. */
export type JwtFacts = {
  /** The `alg` of the header. */
  readonly algorithm: string;
  readonly issuer?: string;
  readonly audiences: readonly string[];
  readonly issuedAt?: string;
  readonly notBefore?: string;
};

export type PrivateKeyFacts = {
  /** `rsa`, `rsa-pss`, `dsa`, `ec`, `ed25519`, `ed448`, `x25519` or `x448`. */
  readonly algorithm: string;
  /** Of the modulus, the curve's field or the encoded public key. */
  readonly bits?: number;
  readonly curve?: string;
  /** The PEM is encrypted under the passphrase. */
  readonly encrypted: boolean;
  /** Present when a public key was given, which then matches. */
  readonly publicKeyMatches?: true;
};

export type SecretKeyFacts = { readonly bits: number; readonly algorithm?: string };

export type CertificateFacts = { readonly subject: string; readonly notAfter: string };

export type KeyStoreFacts = {
  readonly format: 'PKCS12' | 'JKS';
  /** Sorted. */
  readonly aliases: readonly string[];
  /** The first to expire comes first. */
  readonly certificates: readonly CertificateFacts[];
  readonly privateKeys: number;
  readonly secretKeys: number;
};

/**
 * What may be known about a content by those who may not read it: plain JSON, bounded in size, without any value that
 * must stay secret. Facts are kept with the secret, so that rules need no access to the content.
 */
export type ContentFacts = {
  /** Names of the content's fields, sorted; of a key-value secret the first {@link MAX_LISTED}. */
  readonly fields: readonly string[];
  readonly fieldCount: number;
  /** Of the password, key or text that is the secret. */
  readonly valueLength?: LengthClass;
  /** How hard that is to guess at most. */
  readonly strength?: EntropyClass;
  /** When the token expires, or the first certificate in the key store. */
  readonly expiresAt?: string;
  readonly jwt?: JwtFacts;
  readonly privateKey?: PrivateKeyFacts;
  readonly secretKey?: SecretKeyFacts;
  readonly keyStore?: KeyStoreFacts;
};

/** The facts that one type adds to those about the fields. */
export type TypeFacts = Omit<ContentFacts, 'fields' | 'fieldCount'>;

/** Longest list in the facts; a key store may hold more certificates, a key-value secret more keys. */
export const MAX_LISTED = 64;
const MAX_FACT_LENGTH = 200;

/**
 * A name out of the content (issuer, alias, subject), fit for lists: cut, and without control characters and half
 * surrogate pairs (PostgreSQL's jsonb refuses both U+0000 and the latter).
 */
export function factText(text: string): string {
  const cut = text.length <= MAX_FACT_LENGTH ? text : `${text.slice(0, MAX_FACT_LENGTH - 1)}…`;
  return cut.replace(/[\p{Cc}\p{Surrogate}]/gu, '\ufffd');
}

/** At most {@link MAX_LISTED} of the texts, each cut. */
export function factTexts(texts: Iterable<string>): readonly string[] {
  return [...texts].slice(0, MAX_LISTED).map(factText);
}
