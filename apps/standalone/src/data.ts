import type { RootKeySource, StoredRootKey } from '@claviger/composition';
import {
  backUpDatabase,
  mustBackUpFirst,
  openEmbeddedDatabase,
  readDataVersion,
  writeDataVersion,
  type DataLock,
  type EmbeddedDatabase,
  type ProductVersion,
} from '@claviger/platform/embedded';

import type { RunContext } from './run.js';
import { resolveRootKey } from './root-key.js';
import { databaseEnded } from './standalone.errors.js';

/** A database that is open, unsealed and of the right schema. */
export type OpenData = StoredRootKey & { readonly databaseUrl: string };

export type DataOptions = {
  readonly lock: DataLock;
  readonly product: ProductVersion;
  /** Brings the schema of the database at `url` up to date. */
  readonly migrate: (url: string) => Promise<unknown>;
  /** Root keys from the environment, else the data directory's file counts. */
  readonly givenRootKeys: Pick<RootKeySource, 'given' | 'givenPrevious'>;
  readonly say: (line: string) => void;
};

/**
 * Opens the embedded database of a data directory and brings it up to date. The order keeps a refusal free of effects:
 * first the version, then the root key, then the backup, and only then the first change. The new version is recorded
 * before the migrations, so that an older Claviger never works on data that is half-way, and a failing migration does
 * not push out older backups at every further attempt.
 */
export async function openData(
  { lock, product, migrate, givenRootKeys, say }: DataOptions,
  run: RunContext,
): Promise<OpenData> {
  const { dataDir } = lock;
  const needsBackup = mustBackUpFirst(dataDir, product);
  let database: EmbeddedDatabase = await openEmbeddedDatabase({ lock, onLog: say, signal: run.signal });
  run.cleanup.push('PostgreSQL', () => database.stop());
  const rootKeys = await resolveRootKey({ databaseUrl: database.url, dataDir, ...givenRootKeys });
  if (needsBackup && !database.isNew) {
    await database.stop();
    await backUp(dataDir, say);
    database = await openEmbeddedDatabase({ lock, onLog: say, signal: run.signal });
  }
  writeDataVersion(dataDir, { app: product.app, schema: product.schemas.at(-1) ?? 'none' });
  await migrate(database.url);
  void database.exited.then(() => run.fail(databaseEnded(database.logFile)));
  return { databaseUrl: database.url, ...rootKeys };
}

async function backUp(dataDir: string, say: (line: string) => void): Promise<void> {
  const label = readDataVersion(dataDir)?.app ?? 'unknown';
  say('Backing up the data before the upgrade');
  say(`The backup is ${await backUpDatabase({ dataDir, label, now: new Date() })}`);
}
