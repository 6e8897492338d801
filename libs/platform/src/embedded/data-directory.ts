import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

import { embeddedError, reasonOf } from './embedded.errors.js';

/** Where everything in a data directory lies. */
export type DataPaths = {
  readonly root: string;
  /** Held while a Claviger runs; see {@link acquireDataLock}. */
  readonly lock: string;
  /** The PostgreSQL cluster. */
  readonly cluster: string;
  /** Password of the database's only role, mode 0600. */
  readonly password: string;
  /** PostgreSQL's log. */
  readonly log: string;
  /** Claviger's own log, where api and worker run in one process. */
  readonly ownLog: string;
  /** Directory of the server's socket. */
  readonly run: string;
  /** What wrote the data; see {@link DataVersion}. */
  readonly version: string;
  readonly backups: string;
};

/** The paths inside the data directory `root`. */
export function dataPaths(root: string): DataPaths {
  return {
    root,
    lock: join(root, 'claviger.lock'),
    cluster: join(root, 'postgres'),
    password: join(root, 'postgres-password'),
    log: join(root, 'postgres.log'),
    ownLog: join(root, 'claviger.log'),
    run: join(root, 'run'),
    version: join(root, 'version'),
    backups: join(root, 'backups'),
  };
}

/**
 * Makes the data directory (mode 0700, with its parents) unless it exists, and returns its real path.
 * Throws DATA_DIRECTORY_UNUSABLE when it cannot be made, read or written.
 */
export function prepareDataDirectory(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return realpathSync(path);
  } catch (error) {
    throw unusable(path, error);
  }
}

/** Makes renames and new names in a directory survive a power cut. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** The error for a data directory in which a file cannot be read or written. */
export function unusable(path: string, error: unknown): Error {
  return embeddedError(
    'DATA_DIRECTORY_UNUSABLE',
    `The data directory ${path} ${WHY[reasonOf(error)] ?? `cannot be used (${reasonOf(error)})`}; mend that, or set CLAVIGER_DATA_DIR to another directory.`,
    error,
  );
}

const WHY: Readonly<Record<string, string>> = {
  EACCES: 'may not be read and written by this user',
  EPERM: 'may not be read and written by this user',
  EROFS: 'is on a read-only file system',
  EEXIST: 'is not a directory',
  ENOTDIR: 'is not a directory',
  ENOSPC: 'is on a full disk',
  EDQUOT: 'is over its disk quota',
};
