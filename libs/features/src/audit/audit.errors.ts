import { AppError } from '@claviger/kernel';

/** The entry could not be made durable, so what it is about must not be answered. HTTP 503. */
export function auditUnavailable(cause?: unknown): AppError {
  return new AppError({
    code: 'AUDIT_UNAVAILABLE',
    kind: 'unavailable',
    message:
      'The audit log cannot be written right now, so nothing was answered. Try again; the operator finds the cause in the logs.',
    cause,
  });
}
