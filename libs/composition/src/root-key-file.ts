import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { SecretValue } from '@claviger/kernel';
import { reasonOf } from '@claviger/platform/embedded';

import { rootKeyUnusable } from './root-key.errors.js';

/** Path of the root key in a data directory. */
export function rootKeyPath(dataDir: string): string {
  return join(dataDir, 'root-key');
}

/** The text of a data directory's root key, or undefined when there is none. Throws ROOT_KEY_UNUSABLE. */
export function findRootKey(dataDir: string): SecretValue | undefined {
  const path = rootKeyPath(dataDir);
  try {
    return new SecretValue(readFileSync(path, 'utf8').trim());
  } catch (error) {
    if (reasonOf(error) === 'ENOENT') return undefined;
    throw rootKeyUnusable(path, reasonOf(error));
  }
}

/** Writes a root key (mode 0600) where there is none yet, safe on disk before it is used. Throws ROOT_KEY_UNUSABLE. */
export function writeRootKey(dataDir: string, text: SecretValue): void {
  const path = rootKeyPath(dataDir);
  try {
    const file = openSync(path, 'wx', 0o600);
    writeSync(file, `${text.reveal()}\n`);
    fsyncSync(file);
    closeSync(file);
  } catch (error) {
    throw rootKeyUnusable(path, reasonOf(error));
  }
}
