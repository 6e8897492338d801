/** What a store's keys are for. Each purpose has one active key; older ones stay for what they sealed. */
export const KEY_PURPOSES = [
  /** Seals rows. */
  'data',
  /** Fingerprints content. */
  'fingerprint',
  /** Hashes tokens. */
  'access',
  /** Authenticates audit entries and derives the key that signs seals. */
  'audit',
  /** Marks what Claviger owns in a vault. */
  'ownership',
] as const;
export type KeyPurpose = (typeof KEY_PURPOSES)[number];

/** What the keyring needs from a database connection: pg's pool and client both have it. */
export type KeyStorage = {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
};
