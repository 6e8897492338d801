import { constants } from 'node:fs';
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { dataPaths } from './data-directory.js';
import { embeddedError, reasonOf } from './embedded.errors.js';

/** How many backups are kept; the oldest go first. */
export const BACKUPS_KEPT = 3;

const PARTIAL = '.partial';

export type BackupOptions = {
  readonly dataDir: string;
  /** Part of the backup's name, for people: the version that wrote the data. */
  readonly label: string;
  readonly now: Date;
};

/**
 * Copies the database of a data directory, which must not be running, to `backups/<time>-<label>` and returns that
 * path. Putting it back is moving its files into the data directory. The root key is not copied: it is to be kept apart
 * from the data. Throws BACKUP_FAILED, leaving nothing half-made behind.
 */
export async function backUpDatabase({ dataDir, label, now }: BackupOptions): Promise<string> {
  const paths = dataPaths(dataDir);
  const partial = join(paths.backups, PARTIAL);
  const target = join(paths.backups, `${compactTime(now)}-${label}`);
  try {
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true, mode: 0o700 });
    for (const path of [paths.cluster, paths.password, paths.version]) {
      await copyIfPresent(path, join(partial, basename(path)));
    }
    await rename(partial, target);
    await removeOldest(paths.backups);
    return target;
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw embeddedError(
      'BACKUP_FAILED',
      `The backup before the upgrade could not be written to ${paths.backups} (${reasonOf(error)}); mend that and start again. The data is unchanged.`,
      error,
    );
  }
}

/** Shares the blocks on file systems that can, so that a backup there takes no time and no room. */
async function copyIfPresent(from: string, to: string): Promise<void> {
  try {
    await cp(from, to, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE });
  } catch (error) {
    if (reasonOf(error) !== 'ENOENT') throw error;
  }
}

async function removeOldest(backups: string): Promise<void> {
  const names = (await readdir(backups)).filter((name) => name !== PARTIAL).sort();
  for (const name of names.slice(0, -BACKUPS_KEPT)) await rm(join(backups, name), { recursive: true, force: true });
}

/** UTC to the millisecond without punctuation, sortable: `20260131T235959042Z`. */
function compactTime(time: Date): string {
  return time.toISOString().replace(/[-:.]/g, '');
}
