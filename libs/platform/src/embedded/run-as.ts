import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, type Stats } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';

import { cleanEnvironment } from './clean-environment.js';
import { embeddedError } from './embedded.errors.js';
import { decideRunAs, type RunAs, type SystemUser } from './run-as.policy.js';

/** A program with its arguments and the user that it must be spawned as. */
export type RunAsCommand = {
  readonly file: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
};

/**
 * Finds out as whom PostgreSQL can run on this machine for `clusterDir` (which may not exist yet). `paths` are the
 * directories that this user must be able to enter. Throws DATABASE_USER_UNAVAILABLE.
 */
export function chooseRunAs(clusterDir: string, paths: readonly string[]): RunAs {
  const innerUser = systemUsers().find(({ name }) => name === 'nobody') ?? { name: 'nobody', uid: 65534, gid: 65534 };
  const runAs = decideRunAs({
    uid: process.geteuid?.() ?? -1,
    isNamed: hasName(),
    clusterOwner: ownerOf(clusterDir),
    candidates: systemUsers()
      .filter(({ name }) => name === 'postgres' || name === 'nobody')
      .sort(byNameDescending),
    innerUser,
    canMakeNamespace: () => canMakeNamespace(innerUser),
    canReach: (user) => paths.every((path) => canEnter(path, user)),
  });
  if (runAs) return runAs;
  throw embeddedError(
    'DATABASE_USER_UNAVAILABLE',
    `PostgreSQL refuses to run as root, this system allows no user namespaces, and no ordinary user can reach ${dirname(clusterDir)}; start Claviger as an ordinary user, or set CLAVIGER_DATA_DIR to a directory whose parents everyone may enter.`,
  );
}

/** The command that runs `file` as decided. In a namespace `unshare` replaces itself, so the process id stays true. */
export function commandAs(runAs: RunAs, file: string, args: readonly string[]): RunAsCommand {
  switch (runAs.kind) {
    case 'self':
      return { file, args };
    case 'user':
      return { file, args, uid: runAs.user.uid, gid: runAs.user.gid };
    case 'namespace':
      return { file: 'unshare', args: [...unshareOptions(runAs.inner), file, ...args] };
  }
}

function unshareOptions({ uid, gid }: SystemUser): string[] {
  return ['--user', `--map-user=${uid}`, `--map-group=${gid}`];
}

function canMakeNamespace(inner: SystemUser): boolean {
  if (process.platform !== 'linux') return false;
  return (
    spawnSync('unshare', [...unshareOptions(inner), 'true'], { env: cleanEnvironment, stdio: 'ignore' }).status === 0
  );
}

function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

function ownerOf(path: string): SystemUser | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats && { name: String(stats.uid), uid: stats.uid, gid: stats.gid };
}

/** True when `user` may enter `path` and each directory above it. */
function canEnter(path: string, user: SystemUser): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  const parent = dirname(path);
  return (!stats || mayExecute(stats, user)) && (parent === path || canEnter(parent, user));
}

function mayExecute({ mode, uid, gid }: Stats, user: SystemUser): boolean {
  if (uid === user.uid) return (mode & 0o100) !== 0;
  return (mode & (gid === user.gid ? 0o010 : 0o001)) !== 0;
}

function byNameDescending(a: SystemUser, b: SystemUser): number {
  return a.name < b.name ? 1 : -1;
}

function systemUsers(): SystemUser[] {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    return name && uid && gid ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}
