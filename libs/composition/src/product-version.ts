import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Claviger's version, from the package.json nearest above this file, wherever it was built to. */
export const PRODUCT_VERSION = readVersion(dirname(fileURLToPath(import.meta.url)));

function readVersion(directory: string): string {
  const file = join(directory, 'package.json');
  if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  const parent = dirname(directory);
  return parent === directory ? 'unknown' : readVersion(parent);
}
