import { connectToDatabase, findRootKey, rootKeyMissing, rootKeyPath, writeRootKey } from '@claviger/composition';
import { SecretValue } from '@claviger/kernel';
import { Keyring, RootKey } from '@claviger/platform/crypto';

export type RootKeySource = {
  readonly databaseUrl: string;
  readonly dataDir: string;
  /** The key from the environment, which goes before the file. */
  readonly given: string | undefined;
};

/**
 * Finds the root key that the database is sealed under, or makes one, but only for a database that holds no keys yet.
 * Throws DATABASE_UNREACHABLE, ROOT_KEY_MISSING, ROOT_KEY_UNUSABLE, and what the keyring throws for a wrong key (ROOT_KEY_WRONG,
 * ROOT_KEY_INVALID), having changed nothing.
 */
export async function resolveRootKey({ databaseUrl, dataDir, given }: RootKeySource): Promise<SecretValue> {
  const found = given === undefined ? findRootKey(dataDir) : new SecretValue(given);
  const client = await connectToDatabase(databaseUrl);
  try {
    if (!(await Keyring.exists(client))) return found ?? makeRootKey(dataDir);
    if (!found) throw rootKeyMissing(rootKeyPath(dataDir));
    await Keyring.open(client, RootKey.fromText(found));
    return found;
  } finally {
    await client.end();
  }
}

function makeRootKey(dataDir: string): SecretValue {
  const text = RootKey.generateText();
  writeRootKey(dataDir, text);
  return text;
}
