import { existsSync } from 'node:fs';
import { findRootKey, rootKeyMissing, rootKeyPath } from '@claviger/composition';
import { AppError } from '@claviger/kernel';
import type { Config } from '@claviger/platform/config';
import { acquireDataLock, dataPaths, openEmbeddedDatabase } from '@claviger/platform/embedded';

/** A database that a command works on, with a configuration that names it and has its root key. */
export type StoredData = {
  readonly config: Config;
  close(): Promise<void>;
};

/**
 * Opens the database of the configuration: the one that it names, or the embedded one of its data directory, for which
 * Claviger must not be running. `needsKey: false` is for commands that read nothing sealed.
 * @throws AppError DATA_DIRECTORY_MISSING, ROOT_KEY_MISSING, and what the data directory's lock says
 */
export async function openStoredData(
  config: Config,
  { needsKey }: { readonly needsKey: boolean },
): Promise<StoredData> {
  const { dataDir, databaseUrl } = config.storage;
  const rootKey = config.security.rootKey ?? findRootKey(dataDir)?.reveal();
  if (needsKey && rootKey === undefined) throw rootKeyMissing(rootKeyPath(dataDir));
  const complete = (url: string): Config => ({
    ...config,
    storage: { ...config.storage, databaseUrl: url },
    security: { ...config.security, rootKey },
  });
  if (databaseUrl !== undefined) return { config: complete(databaseUrl), close: async () => undefined };
  if (!existsSync(dataPaths(dataDir).cluster)) throw noData(dataDir);
  const lock = acquireDataLock(dataDir);
  try {
    const database = await openEmbeddedDatabase({ lock, onLog: () => undefined });
    return {
      config: complete(database.url),
      close: async () => {
        await database.stop();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

const noData = (dataDir: string): AppError =>
  new AppError({
    code: 'DATA_DIRECTORY_MISSING',
    kind: 'precondition',
    message: `There is no Claviger data in ${dataDir}. Set CLAVIGER_DATA_DIR, or CLAVIGER_DATABASE_URL for another database.`,
  });
