import { AppError } from '@claviger/kernel';

/** No change of that id that the caller may see. `refusal` says why not, to the audit log alone. */
export const changeNotFound = (refusal?: unknown): AppError =>
  new AppError({
    code: 'CHANGE_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no such change, or you may not see it.',
    cause: refusal,
  });

/** Another change of the same secret is being executed and did not end in time. */
export const secretBusy = (): AppError =>
  new AppError({
    code: 'SECRET_BUSY',
    kind: 'conflict',
    message: 'Another change of this secret is being executed. Try again in a moment.',
    retryable: true,
  });

export const changeNotInState = (state: string, wanted: string): AppError =>
  new AppError({
    code: 'CHANGE_NOT_IN_STATE',
    kind: 'conflict',
    message: `The change is ${state}; only a change that is ${wanted} can do this.`,
    details: { state },
  });

/** What was approved is not what would be executed any more, or those who approved it may not any more. */
export const approvalStale = (): AppError =>
  new AppError({
    code: 'CHANGE_STALE',
    kind: 'precondition',
    message:
      'What this change is about, or who decides about it, has changed since it was requested. Request it again.',
  });

/** Whatever it was made from had changed again each time that it was about to be recorded. */
export const changeOvertaken = (): AppError =>
  new AppError({
    code: 'CHANGE_OVERTAKEN',
    kind: 'conflict',
    message: 'The secret kept changing while this change was being executed. Make it anew when that is quieter.',
  });
