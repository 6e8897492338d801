import { openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { unusable } from './data-directory.js';

const LIMIT_BYTES = 10 * 1024 * 1024;

/**
 * Opens a log of the data directory for appending (0600). One of more than 10 MiB is set aside first as `<path>.1`,
 * replacing the one set aside before, so that the logs of any number of starts stay bounded.
 * @returns the file descriptor
 * @throws AppError DATA_DIRECTORY_UNUSABLE
 */
export function openLogFile(path: string): number {
  try {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size > LIMIT_BYTES) renameSync(path, `${path}.1`);
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw unusable(dirname(path), error);
  }
}
