import {
  findRootKey,
  findStoredRootKey,
  writeRootKey,
  type RootKeySource,
  type StoredRootKey,
} from '@claviger/composition';
import { SecretValue } from '@claviger/kernel';
import { RootKey } from '@claviger/platform/crypto';

/**
 * Finds the root key that the database is sealed under, or makes one, but only for a database that holds no keys yet.
 * Throws DATABASE_UNREACHABLE, ROOT_KEY_MISSING, ROOT_KEY_UNUSABLE, and what the keyring throws for a wrong key (ROOT_KEY_WRONG,
 * ROOT_KEY_INVALID), having changed nothing.
 */
export async function resolveRootKey(source: RootKeySource): Promise<StoredRootKey> {
  const stored = await findStoredRootKey(source);
  if (stored) return stored;
  if (source.given !== undefined) return { rootKey: new SecretValue(source.given) };
  return { rootKey: findRootKey(source.dataDir) ?? makeRootKey(source.dataDir) };
}

function makeRootKey(dataDir: string): SecretValue {
  const text = RootKey.generateText();
  writeRootKey(dataDir, text);
  return text;
}
