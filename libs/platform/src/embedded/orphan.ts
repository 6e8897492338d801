import { spawnSync } from 'node:child_process';
import { readlinkSync, realpathSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { cleanEnvironment } from './clean-environment.js';
import { embeddedError } from './embedded.errors.js';
import { postmasterPath, readPostmasterFile } from './postmaster-file.js';
import { answers } from './server-socket.js';

/**
 * Stops a PostgreSQL that still serves `clusterDir` although its Claviger is gone (kill -9). Call it only while holding
 * the data directory's lock: that is what proves that it is an orphan. A `postmaster.pid` whose process is not that
 * server (the machine restarted, the id was used again) is removed, because PostgreSQL itself would refuse to start
 * beside a living process of that number.
 * Throws DATABASE_STILL_RUNNING when a server answers that cannot be stopped from here.
 */
export async function stopOrphan(clusterDir: string, onLog: (line: string) => void): Promise<void> {
  const postmaster = readPostmasterFile(clusterDir);
  if (!postmaster || !serves(postmaster.pid, clusterDir)) {
    if (postmaster && (await answers(postmaster.socketDir))) throw stillRunning(clusterDir);
    return rmSync(postmasterPath(clusterDir), { force: true });
  }
  const { pid } = postmaster;
  onLog(`Stopping the PostgreSQL (process ${pid}) that an earlier Claviger left running`);
  for (const { signal, limitMs } of STEPS) {
    if (send(pid, signal, clusterDir) && (await ends(pid, clusterDir, limitMs))) return;
  }
  throw stillRunning(clusterDir, pid);
}

/** Fast shutdown; then immediate shutdown, after which the next start replays the write-ahead log. */
const STEPS = [
  { signal: 'SIGINT', limitMs: 60_000 },
  { signal: 'SIGQUIT', limitMs: 15_000 },
] as const;

const POLL_MS = 10;

/** True when process `pid` is a PostgreSQL server working in `clusterDir`, which is its working directory for life. */
function serves(pid: number, clusterDir: string): boolean {
  try {
    if (process.platform === 'linux') {
      return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(clusterDir);
    }
    const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], {
      env: cleanEnvironment,
      encoding: 'utf8',
    });
    return stdout.includes('postgres') && stdout.includes(clusterDir);
  } catch {
    return false;
  }
}

function send(pid: number, signal: NodeJS.Signals, clusterDir: string): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    if (!serves(pid, clusterDir)) return true;
    throw stillRunning(clusterDir, pid);
  }
}

async function ends(pid: number, clusterDir: string, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (serves(pid, clusterDir)) {
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function stillRunning(clusterDir: string, pid?: number): Error {
  const which =
    pid === undefined
      ? 'A PostgreSQL that is not visible from here (another container?)'
      : `PostgreSQL (process ${pid})`;
  return embeddedError(
    'DATABASE_STILL_RUNNING',
    `${which} still works on ${clusterDir} and cannot be stopped from here; stop it, then start Claviger again.`,
  );
}
