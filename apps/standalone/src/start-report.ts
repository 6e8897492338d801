import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { isAppError } from '@claviger/kernel';
import { dataPaths } from '@claviger/platform/embedded';

import type { Started } from './standalone.js';

/**
 * What a person reads once Claviger is ready: where it is, where its log and the token lie, and what to try. Never the
 * token.
 */
export function readyLines(version: string, { url, dataDir }: Started): string[] {
  const token = join(dataDir, 'root-token');
  return [
    `Claviger ${version} is ready at ${url}`,
    `  data        ${dataDir}`,
    `  log         ${dataPaths(dataDir).ownLog}`,
    `  root token  ${token}`,
    `  try         curl -H "Authorization: Bearer $(cat ${shellQuoted(token)})" ${url}/api/v1/whoami`,
  ];
}

/**
 * One sentence about why a start failed. Anything but an AppError is a defect: its stack goes to `last-error.log` (0600)
 * of the data directory and only its place to the reader, because nobody vouches for what its message contains.
 */
export function failureLine(error: unknown, dataDir: string | undefined): string {
  if (isAppError(error)) return error.message;
  const name = error instanceof Error ? error.name : 'Error';
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (dataDir === undefined || !existsSync(dataDir)) return `Claviger could not start because of a defect (${name}).`;
  const path = join(dataDir, 'last-error.log');
  writeFileSync(path, `${new Date().toISOString()} ${text}\n`, { mode: 0o600 });
  return `Claviger ended because of a defect (${name}); what is known of it is in ${path}.`;
}

/** For a shell line that is copied: plain where that is safe, else in single quotes. */
function shellQuoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
