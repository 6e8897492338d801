import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { SecretValue } from '@claviger/kernel';
import { RootKey } from '@claviger/platform/crypto';
import { reasonOf, syncDirectory } from '@claviger/platform/embedded';

import { rootKeyUnusable } from './root-key.errors.js';

/** Path of the root key in a data directory. */
export function rootKeyPath(dataDir: string): string {
  return join(dataDir, 'root-key');
}

/** Path of the root key that is to take the place of the first, while that is under way. */
export function nextRootKeyPath(dataDir: string): string {
  return join(dataDir, 'root-key.next');
}

/** Path that a root key is kept at when another has taken its place: backups of before need it. */
export function replacedRootKeyPath(dataDir: string, keyId: string): string {
  return join(dataDir, `root-key.${keyId}`);
}

/** The text of a data directory's root key, or undefined when there is none. Throws ROOT_KEY_UNUSABLE. */
export function findRootKey(dataDir: string): SecretValue | undefined {
  return read(rootKeyPath(dataDir));
}

/** The same of the key that is to take its place. Throws ROOT_KEY_UNUSABLE. */
export function findNextRootKey(dataDir: string): SecretValue | undefined {
  return read(nextRootKeyPath(dataDir));
}

/** Writes a root key (mode 0600) where there is none yet, safe on disk before it is used. Throws ROOT_KEY_UNUSABLE. */
export function writeRootKey(dataDir: string, text: SecretValue): void {
  write(rootKeyPath(dataDir), text);
}

/**
 * The key that is to take the root key's place, made unless an attempt before has made it; on disk before it is used.
 * Throws ROOT_KEY_UNUSABLE.
 */
export function makeNextRootKey(dataDir: string): SecretValue {
  const found = findNextRootKey(dataDir);
  if (found && isRootKey(found)) return found;
  const path = nextRootKeyPath(dataDir);
  // Cut short by a crash, before anything was sealed under it.
  if (found) rmSync(path);
  const text = RootKey.generateText();
  write(path, text);
  return text;
}

/**
 * Puts the next root key in the first one's place, once the data is sealed under it. The replaced one is kept beside it.
 * At no moment is there no root key. Throws ROOT_KEY_UNUSABLE.
 */
export function promoteNextRootKey(dataDir: string): void {
  const [path, next] = [rootKeyPath(dataDir), nextRootKeyPath(dataDir)];
  try {
    const old = findRootKey(dataDir);
    if (old) {
      const kept = replacedRootKeyPath(dataDir, RootKey.fromText(old).id);
      if (!existsSync(kept)) linkSync(path, kept);
    }
    renameSync(next, path);
    syncDirectory(dirname(path));
  } catch (error) {
    throw rootKeyUnusable(path, reasonOf(error));
  }
}

function isRootKey(text: SecretValue): boolean {
  return Buffer.from(text.reveal(), 'base64').length === 32;
}

function read(path: string): SecretValue | undefined {
  try {
    return new SecretValue(readFileSync(path, 'utf8').trim());
  } catch (error) {
    if (reasonOf(error) === 'ENOENT') return undefined;
    throw rootKeyUnusable(path, reasonOf(error));
  }
}

function write(path: string, text: SecretValue): void {
  try {
    const file = openSync(path, 'wx', 0o600);
    writeSync(file, `${text.reveal()}\n`);
    fsyncSync(file);
    closeSync(file);
    syncDirectory(dirname(path));
  } catch (error) {
    throw rootKeyUnusable(path, reasonOf(error));
  }
}
