import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { syncDirectory, type DataPaths, unusable } from './data-directory.js';
import { embeddedError, reasonOf } from './embedded.errors.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import { runProgram } from './program.js';
import type { RunAs, SystemUser } from './run-as.policy.js';

/** The database's only role and database. */
export const DATABASE_NAME = 'claviger';

/**
 * Repeated hashing slows down the guessing of weak passwords. Ours has 256 random bits, and the default of 4,096 rounds
 * would cost every new connection milliseconds for nothing.
 */
const FAST_PASSWORD = ['-c', 'scram_iterations=1'];

const FOR_OTHERS = 0o077;
const STAGING_PREFIX = 'postgres.new-';

/**
 * Tells whether the data directory holds a whole cluster of major version `major`.
 * Throws DATABASE_DAMAGED or DATABASE_MAJOR_UNSUPPORTED, having changed nothing.
 */
export function inspectCluster({ root, cluster, version }: DataPaths, major: number): 'absent' | 'present' {
  if (!exists(cluster)) {
    if (!exists(version)) return 'absent';
    throw damaged(root, 'its database is gone');
  }
  const found = readMajor(cluster);
  if (found === undefined || !exists(join(cluster, 'global/pg_control')))
    throw damaged(root, 'its database is incomplete');
  if (found === major) return 'present';
  throw embeddedError(
    'DATABASE_MAJOR_UNSUPPORTED',
    `The data directory ${root} was written by PostgreSQL ${found}, and this Claviger brings PostgreSQL ${major}; start the Claviger version that wrote it, or move the data with pg_dump into a new data directory.`,
  );
}

/**
 * Creates the cluster with its role, password and database. It is made under another name and renamed when whole, so
 * that a `postgres` directory is never a half-made one. Throws DATABASE_NOT_CREATED.
 */
export async function createCluster(
  paths: DataPaths,
  binaries: PostgresBinaries,
  runAs: RunAs,
  isDurable: boolean,
): Promise<void> {
  removeLeftovers(paths.root);
  const staging = mkdtempSync(join(paths.root, STAGING_PREFIX));
  const passwordFile = join(staging, 'password');
  const cluster = join(staging, 'cluster');
  try {
    writeFileSync(passwordFile, newPassword(), { mode: 0o600 });
    if (runAs.kind === 'user') giveTo(runAs.user, paths.root, [staging, passwordFile]);
    await must(runAs, binaries.initdb, [
      `--pgdata=${cluster}`,
      '--encoding=UTF8',
      '--locale=C',
      '--auth=scram-sha-256',
      '--data-checksums',
      `--username=${DATABASE_NAME}`,
      `--pwfile=${passwordFile}`,
      ...FAST_PASSWORD,
      ...(isDurable ? [] : ['--no-sync']),
    ]);
    await must(
      runAs,
      binaries.postgres,
      ['--single', '-D', cluster, 'postgres'],
      `CREATE DATABASE ${DATABASE_NAME};\n`,
    );
    renameSync(passwordFile, paths.password);
    if (runAs.kind === 'user') chownSync(paths.password, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
    renameSync(cluster, paths.cluster);
    syncDirectory(paths.root);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** The database password; a lost one is replaced, which needs no more than the files that we own anyway. */
export async function readPassword(paths: DataPaths, binaries: PostgresBinaries, runAs: RunAs): Promise<string> {
  if (exists(paths.password)) return readFileSync(paths.password, 'utf8');
  const password = newPassword();
  const sql = `ALTER ROLE ${DATABASE_NAME} PASSWORD '${password}';\n`;
  await must(runAs, binaries.postgres, ['--single', ...FAST_PASSWORD, '-D', paths.cluster, 'postgres'], sql);
  writeFileSync(paths.password, password, { mode: 0o600 });
  return password;
}

/** 256 random bits in letters that need no quoting in a URL or in SQL. */
function newPassword(): string {
  return randomBytes(32).toString('base64url');
}

async function must(runAs: RunAs, file: string, args: readonly string[], input?: string): Promise<void> {
  const result = await runProgram(runAs, file, args, input).catch((error: unknown) => ({
    code: null,
    tail: String(error),
  }));
  if (result.code === 0) return;
  throw embeddedError('DATABASE_NOT_CREATED', `PostgreSQL could not prepare its database: ${result.tail}`);
}

/**
 * Gives an existing cluster the owner and the mode that PostgreSQL insists on: a backup that was put back, or a cluster
 * that root ran in a user namespace elsewhere, may have others. Throws DATA_DIRECTORY_UNUSABLE.
 */
export function claimCluster(paths: DataPaths, runAs: RunAs): void {
  const { mode, uid } = statSync(paths.cluster);
  try {
    if (runAs.kind === 'user' && uid !== runAs.user.uid) {
      const inside = readdirSync(paths.cluster, { recursive: true, encoding: 'utf8' });
      giveTo(runAs.user, paths.root, [...inside.map((name) => join(paths.cluster, name)), paths.cluster]);
    }
    if ((mode & FOR_OTHERS) !== 0) chmodSync(paths.cluster, 0o700);
  } catch (error) {
    throw unusable(paths.root, error);
  }
}

/** The user gets the files, and may pass through the data directory without listing it. */
function giveTo(user: SystemUser, root: string, files: readonly string[]): void {
  if (statSync(root).uid !== user.uid) chmodSync(root, 0o711);
  for (const path of files) lchownSync(path, user.uid, user.gid);
}

function removeLeftovers(root: string): void {
  const leftovers = readdirSync(root).filter((name) => name.startsWith(STAGING_PREFIX));
  for (const name of leftovers) rmSync(join(root, name), { recursive: true, force: true });
}

function readMajor(cluster: string): number | undefined {
  try {
    const major = Number(readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim());
    return Number.isInteger(major) && major > 0 ? major : undefined;
  } catch (error) {
    if (reasonOf(error) === 'ENOENT') return undefined;
    throw unusable(cluster, error);
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function damaged(root: string, how: string): Error {
  return embeddedError(
    'DATABASE_DAMAGED',
    `The data directory ${root} is damaged: ${how}; put back a backup (see ${join(root, 'backups')}), or set CLAVIGER_DATA_DIR to a new directory.`,
  );
}
