import { SecretValue } from '@claviger/kernel';
import { Keyring, RootKey, RootKeys } from '@claviger/platform/crypto';
import { connectToDatabase } from './database-access.js';
import { findNextRootKey, findRootKey, promoteNextRootKey, rootKeyPath } from './root-key-file.js';
import { rootKeyMissing } from './root-key.errors.js';

export type RootKeySource = {
  readonly databaseUrl: string;
  readonly dataDir: string;
  /** The key from the environment, which goes before the file. */
  readonly given: string | undefined;
  /** The key before that one, from the environment. */
  readonly givenPrevious?: string | undefined;
};

/** The root key that a database is sealed under, and one before it that still opens part of it. */
export type StoredRootKey = { readonly rootKey: SecretValue; readonly rootKeyPrevious?: SecretValue };

/**
 * Finds the root key that the database is sealed under; undefined for a database that holds no keys yet. Where a rotation
 * ended between the database and the file, the file is brought up to date.
 * Throws DATABASE_UNREACHABLE, ROOT_KEY_MISSING, ROOT_KEY_UNUSABLE, and what the keyring throws for a wrong key
 * (ROOT_KEY_WRONG, ROOT_KEY_INVALID), having changed nothing.
 */
export async function findStoredRootKey(source: RootKeySource): Promise<StoredRootKey | undefined> {
  const { databaseUrl, dataDir, given, givenPrevious } = source;
  const client = await connectToDatabase(databaseUrl);
  try {
    if (!(await Keyring.exists(client))) return undefined;
    if (given !== undefined) {
      const [rootKey, previous] = [new SecretValue(given), givenPrevious];
      const older = previous === undefined ? [] : [new SecretValue(previous)];
      await Keyring.open(client, new RootKeys(RootKey.fromText(rootKey), older.map(RootKey.fromText)));
      return { rootKey, ...(older[0] && { rootKeyPrevious: older[0] }) };
    }
    const rootKey = await inForce(client, dataDir);
    await Keyring.open(client, RootKey.fromText(rootKey));
    return { rootKey };
  } finally {
    await client.end();
  }
}

/** The key of the file; of the next file, which then becomes the file, when the data is sealed under that one. */
async function inForce(client: Parameters<typeof Keyring.exists>[0], dataDir: string): Promise<SecretValue> {
  const next = findNextRootKey(dataDir);
  if (next) {
    const { rows } = await client.query('select distinct root_key_id from key_encryption_key');
    const ids = rows.map((row) => row['root_key_id']);
    if (ids.length === 1 && idOf(next) === ids[0]) {
      promoteNextRootKey(dataDir);
      return next;
    }
  }
  const found = findRootKey(dataDir);
  if (!found) throw rootKeyMissing(rootKeyPath(dataDir));
  return found;
}

/** Undefined for a file that a crash cut short. */
function idOf(text: SecretValue): string | undefined {
  try {
    return RootKey.fromText(text).id;
  } catch {
    return undefined;
  }
}
