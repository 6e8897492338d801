import { TARGET_STATUSES } from '@claviger/features/replication';
import { ENTROPY_CLASSES, LENGTH_CLASSES, SECRET_TYPES } from '@claviger/features/secrets';
import type { FactKinds, KnownValues } from '@claviger/features/rules';
import { DAY_MS, type CountedFact, type Fact, type SteadyFact } from './fact.js';
import type { SecretState } from './secret-state.js';

const content = { knownAt: 'change', isOfContent: true } as const;
const record = { knownAt: 'change' } as const;
const later = { knownAt: 'past' } as const;

/** Dates that the content bears, of each type that bears one. */
const dateOf = (state: SecretState, type: SecretState['type']): string | null =>
  (state.type === type && state.content.expiresAt) || null;

const places = ({ source, copies }: SecretState): readonly SecretState['source'][] => [source, ...copies];
const distinct = (texts: readonly string[]): string[] => [...new Set(texts)].sort();

/** How long a token was made for; null unless it says from when to when. */
function lifetimeDays({ content: { expiresAt, jwt } }: SecretState): number | null {
  if (!expiresAt || !jwt?.issuedAt) return null;
  return Math.ceil((Date.parse(expiresAt) - Date.parse(jwt.issuedAt)) / DAY_MS);
}

/** The earlier of the date set for the secret and the one that its content bears. */
function expiry({ expiresAt, content: { expiresAt: own } }: SecretState): string | null {
  return [expiresAt, own].filter((date) => date !== null && date !== undefined).sort()[0] ?? null;
}

const STEADY: Readonly<Record<string, SteadyFact>> = {
  type: {
    ...record,
    kind: 'text',
    values: SECRET_TYPES,
    description: 'The type of the secret.',
    of: ({ type }) => type,
  },
  name: { ...record, kind: 'text', description: 'Its name.', of: ({ name }) => name },
  owner: { ...record, kind: 'text', description: 'Who owns it; null for nobody.', of: ({ owner }) => owner },
  labels: {
    ...record,
    kind: 'map',
    description: 'Its labels, one of them by a path: `$.team`.',
    of: ({ labels }) => labels,
  },
  vaultProfile: {
    ...record,
    kind: 'text',
    description: 'Name of its source profile.',
    of: ({ source }) => source.profile,
  },
  vaultKind: { ...record, kind: 'text', description: 'Kind of the source vault.', of: ({ source }) => source.kind },
  region: {
    ...record,
    kind: 'text',
    description: 'Region of the source vault; null where the kind has none.',
    of: ({ source }) => source.region,
  },
  placeProfiles: {
    ...record,
    kind: 'list',
    description: 'Names of the profiles where it is: source and copies.',
    of: (state) => distinct(places(state).map(({ profile }) => profile)),
  },
  placeKinds: {
    ...record,
    kind: 'list',
    description: 'Kinds of the vaults where it is.',
    of: (state) => distinct(places(state).map(({ kind }) => kind)),
  },
  placeRegions: {
    ...record,
    kind: 'list',
    description: 'Regions where it is.',
    of: (state) => distinct(places(state).flatMap(({ region }) => region ?? [])),
  },
  hasExpiry: {
    ...content,
    kind: 'boolean',
    description: 'It or its content says when it expires.',
    of: (state) => expiry(state) !== null,
  },
  rotationIntervalDays: {
    ...record,
    kind: 'number',
    description: 'How often it is to be rotated, in days rounded up; null for never.',
    of: ({ rotationIntervalSeconds: seconds }) => (seconds === null ? null : Math.ceil((seconds * 1_000) / DAY_MS)),
  },
  isGated: {
    ...record,
    kind: 'boolean',
    description: 'Its vault profile has an approval profile.',
    of: ({ isGated }) => isGated,
  },
  replicas: { ...record, kind: 'number', description: 'How many copies it has.', of: ({ copies }) => copies.length },
  reusedBy: {
    ...content,
    kind: 'number',
    description: 'How many other secrets hold the same value.',
    of: ({ reusedBy }) => reusedBy,
  },
  valueLength: {
    ...content,
    kind: 'text',
    values: LENGTH_CLASSES,
    description: 'Class of the length of a password, key or text, in characters; null for other types.',
    of: (state) => state.content.valueLength,
  },
  strength: {
    ...content,
    kind: 'text',
    values: ENTROPY_CLASSES,
    description: 'How hard a password, key or text is to guess at most, as a class; null for other types.',
    of: (state) => state.content.strength,
  },
  fields: {
    ...content,
    kind: 'list',
    description: 'Names of the fields of the content, the first 64.',
    of: (state) => state.content.fields,
  },
  fieldCount: {
    ...content,
    kind: 'number',
    description: 'How many fields the content has.',
    of: (state) => state.content.fieldCount,
  },
  jwtAlgorithm: {
    ...content,
    kind: 'text',
    description: 'The `alg` of a token.',
    of: (state) => state.content.jwt?.algorithm,
  },
  jwtIssuer: {
    ...content,
    kind: 'text',
    description: 'The issuer of a token.',
    of: (state) => state.content.jwt?.issuer,
  },
  jwtHasExpiry: {
    ...content,
    kind: 'boolean',
    description: 'The token says when it expires; null for other types.',
    of: (state) => (state.content.jwt ? state.content.expiresAt !== undefined : null),
  },
  jwtLifetimeDays: {
    ...content,
    kind: 'number',
    description: 'For how long a token was issued, in days rounded up; null unless it says both ends.',
    of: lifetimeDays,
  },
  keyAlgorithm: {
    ...content,
    kind: 'text',
    description: 'Algorithm of a private key (rsa, ec, ed25519 …) or, where it is given, of a secret key.',
    of: (state) => state.content.privateKey?.algorithm ?? state.content.secretKey?.algorithm,
  },
  keyBits: {
    ...content,
    kind: 'number',
    description: 'Size of a private or secret key, in bits.',
    of: (state) => state.content.privateKey?.bits ?? state.content.secretKey?.bits,
  },
  keyCurve: {
    ...content,
    kind: 'text',
    description: 'Curve of a private key.',
    of: (state) => state.content.privateKey?.curve,
  },
  isKeyEncrypted: {
    ...content,
    kind: 'boolean',
    description: 'The private key is under a passphrase; null for other types.',
    of: (state) => state.content.privateKey?.encrypted,
  },
  keyStoreFormat: {
    ...content,
    kind: 'text',
    values: ['PKCS12', 'JKS'],
    description: 'Format of a key store.',
    of: (state) => state.content.keyStore?.format,
  },
  version: { ...later, kind: 'number', description: 'Number of the current version.', of: ({ version }) => version },
  isDisabled: { ...record, kind: 'boolean', description: 'It is disabled.', of: ({ isDisabled }) => isDisabled },
  replicasInSync: {
    ...later,
    kind: 'number',
    description: 'How many copies are in sync.',
    of: ({ copies }) => copies.filter(({ status }) => status === 'in_sync').length,
  },
  replicaStatuses: {
    ...later,
    kind: 'list',
    values: TARGET_STATUSES,
    description: 'Statuses of its copies.',
    of: ({ copies }) => distinct(copies.map(({ status }) => status)),
  },
  hasDrift: {
    ...later,
    kind: 'boolean',
    description: 'It was changed past Claviger at its source or at a copy, and nobody has settled it.',
    of: ({ hasDrift }) => hasDrift,
  },
  approvers: {
    ...later,
    kind: 'number',
    description: 'How many people approved the change that made the current version.',
    of: ({ approvers }) => approvers,
  },
  hasUnreviewedBreakGlass: {
    ...later,
    kind: 'boolean',
    description: 'A glass was broken for a change of it that nobody has looked at since.',
    of: ({ hasUnreviewedBreakGlass }) => hasUnreviewedBreakGlass,
  },
};

const COUNTED: Readonly<Record<string, CountedFact>> = {
  ageDays: {
    ...later,
    kind: 'number',
    description: 'Whole days since it was created.',
    counts: ({ createdAt }) => ({ since: createdAt }),
  },
  versionAgeDays: {
    ...later,
    kind: 'number',
    description: 'Whole days since its current version was written.',
    counts: ({ versionCreatedAt }) => ({ since: versionCreatedAt }),
  },
  expiresInDays: {
    ...content,
    kind: 'number',
    description: 'Whole days until it or its content expires; below zero once it has, null where neither does.',
    counts: (state) => ({ until: expiry(state) }),
  },
  tokenExpiresInDays: {
    ...content,
    kind: 'number',
    description: 'Whole days until a token expires.',
    counts: (state) => ({ until: dateOf(state, 'jwt') }),
  },
  certificateExpiresInDays: {
    ...content,
    kind: 'number',
    description: 'Whole days until the first certificate in a key store expires.',
    counts: (state) => ({ until: dateOf(state, 'key-store') }),
  },
  rotationDueInDays: {
    ...later,
    kind: 'number',
    description: 'Whole days until it is due to be rotated; below zero once it is overdue.',
    counts: ({ rotationDueAt }) => ({ until: rotationDueAt }),
  },
  verifiedDaysAgo: {
    knownAt: 'now',
    kind: 'number',
    description: 'Whole days since the copy that was verified the longest time ago was; null without copies.',
    counts: ({ verifiedAt }) => ({ since: verifiedAt }),
  },
};

/** All that rules can speak of, by name. */
export const FACTS: Readonly<Record<string, Fact>> = { ...STEADY, ...COUNTED };

/** The kinds of all facts, for whoever checks conditions. */
export const FACT_KINDS: FactKinds = Object.fromEntries(Object.entries(FACTS).map(([name, { kind }]) => [name, kind]));

/** The values of those that have few. */
export const FACT_VALUES: KnownValues = Object.fromEntries(
  Object.entries(FACTS).flatMap(([name, { values }]) => (values ? [[name, values]] : [])),
);
