import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { RunAs } from './run-as.policy.js';

/** Only names the socket file: the server listens on no network port at all. */
export const SOCKET_PORT = 5432;

/** The longest path that every platform's `sockaddr_un` takes (104 bytes with the closing zero on macOS). */
const MAX_SOCKET_PATH = 103;

/** Path of the socket file in `socketDir`. */
export function socketPath(socketDir: string): string {
  return join(socketDir, `.s.PGSQL.${SOCKET_PORT}`);
}

/**
 * Makes the directory (0700) for the server's socket and returns it: `preferred` where the path is short enough for a
 * socket, else a new one among the system's temporary files. `remove` takes away the latter.
 */
export function makeSocketDir(preferred: string, runAs: RunAs): { path: string; remove: () => void } {
  const fits = Buffer.byteLength(socketPath(preferred)) <= MAX_SOCKET_PATH;
  if (fits) mkdirSync(preferred, { recursive: true });
  const path = fits ? preferred : mkdtempSync(join(tmpdir(), 'claviger-'));
  chmodSync(path, 0o700);
  if (runAs.kind === 'user') chownSync(path, runAs.user.uid, runAs.user.gid);
  return { path, remove: () => fits || rmSync(path, { recursive: true, force: true }) };
}

/** True when a server accepts connections on the socket in `socketDir`. */
export function answers(socketDir: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath(socketDir));
    socket.once('connect', () => socket.destroy()).once('error', () => resolve(false));
    socket.once('close', (hadError) => resolve(!hadError));
  });
}
