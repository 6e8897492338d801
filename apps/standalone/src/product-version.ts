import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { SCHEMA_NAMES } from '@claviger/platform/database';
import type { ProductVersion } from '@claviger/platform/embedded';

/** What this Claviger is, from the package.json nearest above this file, wherever it was built to. */
export function productVersion(): ProductVersion {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  return { app: version, schemas: SCHEMA_NAMES };
}
