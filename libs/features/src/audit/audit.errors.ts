import { AppError } from '@claviger/kernel';
import type { AuditFinding } from './audit-report.js';

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

/** What is stored is not what was sealed, so nothing of it is dropped. */
export function auditBroken({ code, seal, message }: AuditFinding): AppError {
  return new AppError({
    code: 'AUDIT_BROKEN',
    kind: 'internal',
    message: `The audit log is broken at seal ${seal}, so nothing of it is dropped: ${message} Run \`npm run audit -- verify\`.`,
    details: { finding: code, seal },
  });
}

/** Entries are dropped only once they are in a file, and nobody said where. */
export function exportDirectoryMissing(): AppError {
  return new AppError({
    code: 'EXPORT_DIRECTORY_MISSING',
    kind: 'precondition',
    message:
      'CLAVIGER_AUDIT_RETENTION_DAYS and CLAVIGER_CHANGE_RETENTION_DAYS need CLAVIGER_EXPORT_DIR: what is too old is exported there before it is dropped.',
  });
}
