import { AppError } from '@claviger/kernel';

/** The database is sealed under a root key that is not here. */
export function rootKeyMissing(path: string): AppError {
  return new AppError({
    code: 'ROOT_KEY_MISSING',
    kind: 'precondition',
    message: `The root key ${path} is missing, and the data cannot be opened without it; put back your backup of that file. Nothing was changed.`,
  });
}

/** The file of the root key is there but cannot be read or written. */
export function rootKeyUnusable(path: string, reason: string): AppError {
  return new AppError({
    code: 'ROOT_KEY_UNUSABLE',
    kind: 'precondition',
    message: `The root key ${path} cannot be read or written by this user (${reason}); mend its owner and mode.`,
  });
}
