import { spawnSync } from 'node:child_process';
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';

import { cleanEnvironment } from './clean-environment.js';
import { dataPaths, unusable } from './data-directory.js';
import { embeddedError, reasonOf } from './embedded.errors.js';

/** Proof that this process, and no other, works on a data directory. Ends with {@link release} or with the process. */
export interface DataLock {
  readonly dataDir: string;
  release(): void;
}

/**
 * Takes the lock of a data directory or throws DATA_DIRECTORY_IN_USE, naming the process that holds it.
 *
 * It is a kernel lock (flock) on `claviger.lock`, because only the kernel knows for sure that a process is gone: it is
 * free the moment its holder dies, however it dies, needs no clearing up, and of two starts at the same moment exactly
 * one gets it. A process id in a file proves nothing (ids are used again, and differ between containers that share a
 * volume); a listening socket leaves a stale file behind whose removal is a race. Node offers no flock, but the lock
 * belongs to the open file, not to a process: the system's `flock` program takes it on a descriptor that it shares
 * with us, and we go on holding it. macOS has no such program and takes the lock while opening. The file itself is
 * never removed; the process id inside is for the message only.
 */
export function acquireDataLock(dataDir: string): DataLock {
  const { lock } = dataPaths(dataDir);
  const file = process.platform === 'darwin' ? openLockedOnMac(lock) : openLocked(lock, dataDir);
  if (file === undefined) throw inUse(dataDir, lock);
  ftruncateSync(file);
  writeSync(file, `${process.pid}\n`, 0);
  let isHeld = true;
  return {
    dataDir,
    release() {
      if (!isHeld) return;
      isHeld = false;
      ftruncateSync(file);
      closeSync(file);
    },
  };
}

const OPTIONS = constants.O_RDWR | constants.O_CREAT;
const LOCKED_BY_ANOTHER = 1;

function openLocked(path: string, dataDir: string): number | undefined {
  const file = open(path, OPTIONS, dataDir);
  const { status, error } = spawnSync('flock', ['-n', '-x', '3'], {
    env: cleanEnvironment,
    stdio: ['ignore', 'ignore', 'ignore', file],
  });
  if (status === 0) return file;
  closeSync(file);
  if (status === LOCKED_BY_ANOTHER) return undefined;
  throw embeddedError(
    'DATA_DIRECTORY_UNUSABLE',
    error
      ? 'The program "flock" was not found; install the package util-linux.'
      : `The file system of ${dataDir} offers no locks; set CLAVIGER_DATA_DIR to a directory on a local disk.`,
    error,
  );
}

const MAC_O_EXLOCK = 0x20;

function openLockedOnMac(path: string): number | undefined {
  try {
    return openSync(path, OPTIONS | constants.O_NONBLOCK | MAC_O_EXLOCK, 0o600);
  } catch (error) {
    if (reasonOf(error) === 'EAGAIN') return undefined;
    throw unusable(path, error);
  }
}

function open(path: string, options: number, dataDir: string): number {
  try {
    return openSync(path, options, 0o600);
  } catch (error) {
    throw unusable(dataDir, error);
  }
}

function inUse(dataDir: string, lock: string): Error {
  const holder = readFileSync(lock, 'utf8').trim();
  return embeddedError(
    'DATA_DIRECTORY_IN_USE',
    `Claviger already runs on the data directory ${dataDir}${holder && ` (process ${holder})`}; stop it first, or set CLAVIGER_DATA_DIR to another directory.`,
  );
}
