import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { cleanEnvironment } from './clean-environment.js';
import { embeddedError } from './embedded.errors.js';
import { openLogFile } from './log-file.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import { readPostmasterFile } from './postmaster-file.js';
import { commandAs } from './run-as.js';
import type { RunAs } from './run-as.policy.js';
import { settingArguments, type ServerSettings } from './server-settings.js';
import { SOCKET_PORT } from './server-socket.js';

export type ServerOptions = {
  readonly binaries: PostgresBinaries;
  readonly runAs: RunAs;
  readonly clusterDir: string;
  readonly socketDir: string;
  readonly logFile: string;
  readonly settings: ServerSettings;
  readonly onLog: (line: string) => void;
  readonly signal: AbortSignal | undefined;
};

/** A running PostgreSQL. */
export interface Server {
  readonly pid: number;
  /** Resolves when the server has ended, asked or not. */
  readonly exited: Promise<void>;
  /**
   * Takes no more connections, ends the sessions that are still there two seconds later, writes a checkpoint and waits
   * for the end. May be called again.
   */
  stop(): Promise<void>;
}

const POLL_MS = 10;
const SAY_AFTER_MS = 5_000;

/**
 * Starts PostgreSQL and resolves when it accepts connections, however long its recovery takes. It gets a session of its
 * own, so that a signal to our process group (Ctrl-C) does not end it before we have drained.
 * Throws DATABASE_NOT_STARTED, or the signal's reason; then no server runs.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const server = launch(options);
  try {
    await becomesReady(server, options);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function becomesReady(server: Launched, { clusterDir, logFile, onLog, signal }: ServerOptions): Promise<void> {
  const startedAt = Date.now();
  let hasSaid = false;
  while (!isReady(clusterDir, server.pid)) {
    signal?.throwIfAborted();
    if (server.hasExited()) throw notStarted(logFile);
    if (!hasSaid && Date.now() - startedAt > SAY_AFTER_MS) {
      hasSaid = true;
      onLog('PostgreSQL is still recovering from an unclean stop; this can take minutes');
    }
    await Promise.race([sleep(POLL_MS), server.exited]);
  }
}

type Launched = Server & { hasExited(): boolean };

function launch({ binaries, runAs, clusterDir, socketDir, logFile, settings }: ServerOptions): Launched {
  const command = commandAs(runAs, binaries.postgres, [
    '-D',
    clusterDir,
    ...settingArguments({ ...settings, unix_socket_directories: quoted(socketDir), port: String(SOCKET_PORT) }),
  ]);
  const log = openLogFile(logFile);
  const child = spawn(command.file, command.args, {
    uid: command.uid,
    gid: command.gid,
    env: cleanEnvironment,
    cwd: clusterDir,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  const exited = new Promise<void>(
    (resolve) => void child.once('exit', () => resolve()).once('error', () => resolve()),
  );
  let stopping: Promise<void> | undefined;
  return {
    pid: child.pid ?? -1,
    exited,
    hasExited: () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null,
    stop: () => (stopping ??= stop(child, exited)),
  };
}

/**
 * Smart shutdown first: it lets those finish who are just closing their connections (a pool has ended before its sockets
 * are closed) instead of failing them. Fast shutdown then ends every session; the harder ways come only when something
 * is badly stuck. None of them loses committed data.
 */
const STOP_STEPS = [
  { signal: 'SIGTERM', limitMs: 2_000 },
  { signal: 'SIGINT', limitMs: 60_000 },
  { signal: 'SIGQUIT', limitMs: 15_000 },
  { signal: 'SIGKILL', limitMs: 5_000 },
] as const;

async function stop(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.pid === undefined) return;
  child.ref();
  for (const { signal, limitMs } of STOP_STEPS) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    const limit = new AbortController();
    await Promise.race([exited, sleep(limitMs, undefined, { signal: limit.signal }).catch(() => undefined)]);
    limit.abort();
  }
}

function isReady(clusterDir: string, pid: number): boolean {
  const postmaster = readPostmasterFile(clusterDir);
  return postmaster?.pid === pid && postmaster.isReady;
}

/** A list setting: a comma or a space in the path must not split it. */
function quoted(path: string): string {
  return `"${path.replaceAll('"', '""')}"`;
}

function notStarted(logFile: string): Error {
  const lines = readFileSync(logFile, 'utf8').trim().split('\n');
  const fatal = lines.findLast((line) => /(FATAL|PANIC):/.test(line))?.replace(/^.*?(FATAL|PANIC):\s*/, '');
  return embeddedError(
    'DATABASE_NOT_STARTED',
    `PostgreSQL did not start${fatal ? ` (${fatal})` : ''}; its log is ${logFile}.`,
  );
}
