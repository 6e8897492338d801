import { AppError } from '@claviger/kernel';

export const targetNotFound = (): AppError =>
  new AppError({
    code: 'TARGET_NOT_FOUND',
    kind: 'not_found',
    message: 'The secret is not replicated to this profile.',
  });

/** @param isEnding the target that exists is on its way out */
export const targetExists = (isEnding: boolean): AppError =>
  new AppError({
    code: 'TARGET_EXISTS',
    kind: 'conflict',
    message: isEnding
      ? 'The secret is just being taken from this profile. Try again in a moment.'
      : 'The secret is replicated to this profile already.',
    retryable: isEnding,
  });

export const replicationPaused = (): AppError =>
  new AppError({
    code: 'REPLICATION_PAUSED',
    kind: 'conflict',
    message: 'Replication is paused because this database was restored or copied. Accept it first.',
  });

export const notPaused = (): AppError =>
  new AppError({
    code: 'NOT_PAUSED',
    kind: 'conflict',
    message: 'Replication is not paused by a restored database.',
  });
