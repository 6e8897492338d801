import { AppError } from '@claviger/kernel';

/** Codes of everything that can keep an embedded database from opening; each is thrown before anything is changed. */
export const EMBEDDED_ERROR_CODES = [
  'DATA_DIRECTORY_UNUSABLE',
  'DATA_DIRECTORY_IN_USE',
  'DATA_TOO_NEW',
  'BACKUP_FAILED',
  'DATABASE_BINARIES_UNUSABLE',
  'DATABASE_USER_UNAVAILABLE',
  'DATABASE_DAMAGED',
  'DATABASE_MAJOR_UNSUPPORTED',
  'DATABASE_NOT_CREATED',
  'DATABASE_NOT_STARTED',
  'DATABASE_STILL_RUNNING',
] as const;

export type EmbeddedErrorCode = (typeof EMBEDDED_ERROR_CODES)[number];

/** An AppError of this folder: `message` is the one sentence that a person who starts Claviger reads. */
export function embeddedError(code: EmbeddedErrorCode, message: string, cause?: unknown): AppError {
  return new AppError({ code, kind: 'precondition', message, cause });
}

/** The system's short name of why a file operation failed (`EACCES`, `ENOSPC` …), or `unknown reason`. */
export function reasonOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'unknown reason';
}
