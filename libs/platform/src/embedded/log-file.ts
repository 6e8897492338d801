import { closeSync, fstatSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
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

/** A log of the data directory that one process writes itself: it is set aside whenever it has become longer than 10 MiB. */
export class LogFile {
  readonly #path: string;
  #file: number;
  #bytes: number;

  /** @throws AppError DATA_DIRECTORY_UNUSABLE */
  constructor(path: string) {
    this.#path = path;
    this.#file = openLogFile(path);
    this.#bytes = fstatSync(this.#file).size;
  }

  /** A line that cannot be written is lost: Claviger goes on, and the audit log, which must not have gaps, is not in files. */
  write(line: string): void {
    try {
      if (this.#bytes > LIMIT_BYTES) this.#beginAnew();
      this.#bytes += writeSync(this.#file, line);
    } catch {
      // There is nobody to tell.
    }
  }

  #beginAnew(): void {
    const before = this.#file;
    this.#file = openLogFile(this.#path);
    this.#bytes = fstatSync(this.#file).size;
    closeSync(before);
  }
}
