import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import type { SecretValue } from '@claviger/kernel';

/** Path of the file that holds the first root token of a data directory. */
export function rootTokenPath(dataDir: string): string {
  return join(dataDir, 'root-token');
}

/** Writes a root token (mode 0600) in place of what may be there, whole or not at all, and safe on disk. */
export function writeRootToken(dataDir: string, token: SecretValue): void {
  const path = rootTokenPath(dataDir);
  const temporary = `${path}.new`;
  const file = openSync(temporary, 'w', 0o600);
  writeSync(file, `${token.reveal()}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, path);
}
