import { AppError } from '@claviger/kernel';
import { inputInvalid } from '@claviger/features/vault-profiles';

/** Also the answer about a report that the caller may not read. */
export const reportNotFound = (cause?: unknown): AppError =>
  new AppError({
    code: 'REPORT_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no report with this id that you may read.',
    ...(cause === undefined ? {} : { cause }),
  });

export const reportNotDone = (): AppError =>
  new AppError({
    code: 'REPORT_NOT_DONE',
    kind: 'conflict',
    message: 'The report is not drawn yet. Ask for the report until its state is done.',
    retryable: true,
  });

export const reportFailed = (): AppError =>
  new AppError({
    code: 'REPORT_FAILED',
    kind: 'conflict',
    message: 'The report could not be drawn; it says why. Ask for a new one.',
  });

export const reportExpired = (): AppError =>
  new AppError({
    code: 'REPORT_EXPIRED',
    kind: 'gone',
    message:
      'The documents of the report have been erased, as CLAVIGER_REPORT_RETENTION_DAYS says. Ask for a new one as of the same moment.',
  });

export const reportFormatMissing = (): AppError =>
  new AppError({
    code: 'REPORT_FORMAT_MISSING',
    kind: 'not_found',
    message: 'The report was not asked for in this format. Its formats are named in it.',
  });

export const tooManyReports = (most: number): AppError =>
  new AppError({
    code: 'REPORTS_TOO_MANY',
    kind: 'rate_limited',
    message: `${most} reports wait to be drawn already. Ask again when one of them is done.`,
    retryable: true,
  });

export const reportTooLarge = (format: string, most: number): AppError =>
  new AppError({
    code: 'REPORT_TOO_LARGE',
    kind: 'too_large',
    message: `The ${format} document would be larger than ${most} bytes. Narrow the report by profile, owner, labels or period.`,
  });

export const reportTooSlow = (): AppError =>
  new AppError({
    code: 'REPORT_TOO_SLOW',
    kind: 'timeout',
    message: 'Drawing the report took too long. Narrow it by profile, owner, labels or period.',
  });

export const reportProfileGone = (): AppError =>
  new AppError({
    code: 'REPORT_PROFILE_GONE',
    kind: 'conflict',
    message: 'The vault profile that the report is about is not there any more. Ask for one without it.',
  });

export const reportDefect = (cause: unknown): AppError =>
  new AppError({
    code: 'REPORT_DEFECT',
    kind: 'internal',
    message: 'Drawing the report failed again and again. The log has more under the id of the report.',
    cause,
  });

export const scheduleNotFound = (): AppError =>
  new AppError({
    code: 'REPORT_SCHEDULE_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no report schedule of this name.',
  });

export const scheduleExists = (name: string): AppError =>
  new AppError({
    code: 'REPORT_SCHEDULE_EXISTS',
    kind: 'conflict',
    message: `There is a report schedule named ${name} already. Choose another name.`,
    details: { name },
  });

export const scheduleNeedsPrincipal = (): AppError =>
  new AppError({
    code: 'REPORT_SCHEDULE_NEEDS_PRINCIPAL',
    kind: 'forbidden',
    message: 'A schedule draws reports by the right of its owner: log in as a user or service account to create one.',
  });

export const asOfNotScheduled = (): AppError =>
  inputInvalid([{ pointer: '#/parameters/asOf', message: 'a schedule speaks of the moment at which it is due' }]);
