import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

import { dataPaths, unusable } from './data-directory.js';
import { embeddedError } from './embedded.errors.js';
import { decideUpgrade, type ProductVersion } from './upgrade.policy.js';

/** What last wrote a data directory: version of Claviger, and the name of the newest migration applied to its database. */
export type DataVersion = z.infer<typeof dataVersion>;

const dataVersion = z.object({ app: z.string().min(1), schema: z.string().min(1) }).readonly();

/** Reads the version of a data directory; undefined when there is none that can be read. */
export function readDataVersion(dataDir: string): DataVersion | undefined {
  try {
    return dataVersion.safeParse(JSON.parse(readFileSync(dataPaths(dataDir).version, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Replaces the version of a data directory in one step. Throws DATA_DIRECTORY_UNUSABLE. */
export function writeDataVersion(dataDir: string, version: DataVersion): void {
  const { version: path } = dataPaths(dataDir);
  try {
    writeFileSync(`${path}.new`, `${JSON.stringify(version)}\n`, { mode: 0o600, flush: true });
    renameSync(`${path}.new`, path);
  } catch (error) {
    throw unusable(dataDir, error);
  }
}

/**
 * Tells whether existing data must be backed up before this Claviger migrates it.
 * Throws DATA_TOO_NEW for data of a newer Claviger, having changed nothing.
 */
export function mustBackUpFirst(dataDir: string, product: ProductVersion): boolean {
  const data = readDataVersion(dataDir);
  const decision = decideUpgrade(data, product);
  if (decision !== 'refuse_newer') return decision === 'back_up_first';
  throw embeddedError(
    'DATA_TOO_NEW',
    `The data directory ${dataDir} was last written by Claviger ${data?.app}, which is newer than this one (${product.app}); start that version, or put back a backup of this one from ${dataPaths(dataDir).backups}.`,
  );
}
