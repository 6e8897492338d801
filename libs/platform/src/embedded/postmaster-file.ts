import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What a running PostgreSQL says of itself in `postmaster.pid` (line by line: process id, data directory, start time,
 * port, socket directory, listen address, shared memory, status).
 */
export type PostmasterFile = {
  readonly pid: number;
  readonly port: number;
  readonly socketDir: string;
  readonly isReady: boolean;
};

/** Reads `postmaster.pid` of a cluster; undefined when there is none or it is still being written. */
export function readPostmasterFile(clusterDir: string): PostmasterFile | undefined {
  let lines: string[];
  try {
    lines = readFileSync(postmasterPath(clusterDir), 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[3]), socketDir: lines[4] ?? '', isReady: lines[7]?.trim() === 'ready' };
}

/** The path of that file. */
export function postmasterPath(clusterDir: string): string {
  return join(clusterDir, 'postmaster.pid');
}
