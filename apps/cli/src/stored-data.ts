import { existsSync } from 'node:fs';
import {
  assertDatabaseReachable,
  findNextRootKey,
  findRootKey,
  findStoredRootKey,
  PRODUCT_VERSION,
  rootKeyMissing,
  rootKeyPath,
} from '@claviger/composition';
import { AppError } from '@claviger/kernel';
import type { Config } from '@claviger/platform/config';
import { SCHEMA_NAMES } from '@claviger/platform/database';
import { acquireDataLock, dataPaths, mustBackUpFirst, openEmbeddedDatabase } from '@claviger/platform/embedded';

const product = { app: PRODUCT_VERSION, schemas: SCHEMA_NAMES };

/** A database that a command works on, with a configuration that names it and has its root key. */
export type StoredData = {
  readonly config: Config;
  close(): Promise<void>;
};

/**
 * Opens the database of the configuration: the one that it names, or the embedded one of its data directory, for which
 * Claviger must not be running. `needsKey: false` is for commands that read nothing sealed.
 * @throws AppError DATA_DIRECTORY_MISSING, ROOT_KEY_MISSING, DATA_TOO_OLD, DATA_TOO_NEW, DATABASE_UNREACHABLE,
 * and what the data directory's lock says
 */
export async function openStoredData(
  config: Config,
  { needsKey }: { readonly needsKey: boolean },
): Promise<StoredData> {
  const { dataDir, databaseUrl } = config.storage;
  if (databaseUrl === undefined && !existsSync(dataPaths(dataDir).cluster)) throw noData(dataDir);
  const { rootKey: given, rootKeyPrevious: givenPrevious } = config.security;
  const isHere = given ?? findRootKey(dataDir) ?? findNextRootKey(dataDir);
  if (needsKey && isHere === undefined) throw rootKeyMissing(rootKeyPath(dataDir));
  const complete = async (url: string): Promise<Config> => {
    const keys = needsKey ? await findStoredRootKey({ databaseUrl: url, dataDir, given, givenPrevious }) : undefined;
    const rootKey = keys?.rootKey.reveal() ?? given ?? findRootKey(dataDir)?.reveal();
    return {
      ...config,
      storage: { ...config.storage, databaseUrl: url },
      security: { ...config.security, rootKey },
    };
  };
  if (databaseUrl !== undefined) {
    await assertDatabaseReachable(databaseUrl);
    return { config: await complete(databaseUrl), close: async () => undefined };
  }
  const lock = acquireDataLock(dataDir);
  try {
    if (mustBackUpFirst(dataDir, product)) throw dataOlder(dataDir);
    const database = await openEmbeddedDatabase({ lock, onLog: () => undefined });
    const stop = (): Promise<void> => database.stop();
    return {
      config: await complete(database.url).catch(async (error: unknown) => {
        await stop();
        throw error;
      }),
      close: async () => {
        await stop();
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

const dataOlder = (dataDir: string): AppError =>
  new AppError({
    code: 'DATA_TOO_OLD',
    kind: 'precondition',
    message: `The data in ${dataDir} was last written by an older Claviger. Start Claviger once (npm start): it backs the data up, then upgrades it.`,
  });
