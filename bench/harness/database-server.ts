import { acquireDataLock, openEmbeddedDatabase } from '@claviger/platform/embedded';
import { newDataDir, postgresPid } from './claviger-process.js';

/** A PostgreSQL of its own with the settings of the embedded one: nothing about durability is relaxed. */
export type DatabaseServer = { readonly url: string; readonly pid: number; stop(): Promise<void> };

export async function startDatabaseServer(): Promise<DatabaseServer> {
  const directory = newDataDir();
  const lock = acquireDataLock(directory.path);
  const database = await openEmbeddedDatabase({ lock, onLog: () => undefined });
  const stop = async (): Promise<void> => {
    await database.stop();
    lock.release();
    directory.remove();
  };
  return { url: database.url, pid: postgresPid(directory.path), stop };
}
