import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

import { dataPaths, unusable } from './data-directory.js';

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
