import { AppError } from '@claviger/kernel';

export const jobDefinedTwice = (name: string): AppError =>
  new AppError({
    code: 'JOB_DEFINED_TWICE',
    kind: 'internal',
    message: `Two definitions of the job "${name}" are registered: give one of them another name.`,
  });

export const jobHandledTwice = (name: string): AppError =>
  new AppError({
    code: 'JOB_HANDLED_TWICE',
    kind: 'internal',
    message: `Two handlers of the job "${name}" are provided: remove one.`,
  });

export const jobHandlersIncomplete = (problems: readonly string[]): AppError =>
  new AppError({
    code: 'JOB_HANDLERS_INCOMPLETE',
    kind: 'internal',
    message: `The worker cannot start: ${problems.join(' ')}`,
    details: { problems },
  });

export const jobUnknown = (): AppError =>
  new AppError({
    code: 'JOB_UNKNOWN',
    kind: 'unsupported',
    message: 'The queue holds a job that this version does not know: upgrade this worker, or ignore it.',
  });

export const jobPayloadInvalid = (name: string): AppError =>
  new AppError({
    code: 'JOB_PAYLOAD_INVALID',
    kind: 'invalid',
    message: `A payload does not fit the definition of the job "${name}".`,
  });

export const queueSchemaOlder = (): AppError =>
  new AppError({
    code: 'QUEUE_SCHEMA_OLDER',
    kind: 'unavailable',
    message: 'The job queue has pending migrations in the database. Run: npm run migrate',
    retryable: false,
  });

export const queueSchemaNewer = (cause: unknown): AppError =>
  new AppError({
    code: 'QUEUE_SCHEMA_NEWER',
    kind: 'unavailable',
    message:
      'The job queue in the database was migrated by a newer Claviger. Start that version, or restore the backup.',
    retryable: false,
    cause,
  });
