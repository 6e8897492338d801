import { AppError } from '@claviger/kernel';

export const importNotFound = (refusal?: unknown): AppError =>
  new AppError({
    code: 'IMPORT_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no such import, or you may not see it.',
    cause: refusal,
  });

export const importNotReady = (state: string): AppError =>
  new AppError({
    code: 'IMPORT_NOT_READY',
    kind: 'conflict',
    message: `The import is ${state}; choose when it is ready.`,
    details: { state },
  });

/** An item that was chosen cannot be adopted so. */
export const importChoiceInvalid = (number: number, rule: string): AppError =>
  new AppError({
    code: 'IMPORT_CHOICE_INVALID',
    kind: 'invalid',
    message: `Item ${number} ${rule}.`,
    details: { number },
  });

export const nothingToChoose = (): AppError =>
  new AppError({
    code: 'NOTHING_TO_CHOOSE',
    kind: 'conflict',
    message:
      'Of no item left is the type certain. Choose by number and type; items that a plan was made of already are not chosen again by themselves.',
  });

export const tooManyImports = (limit: number): AppError =>
  new AppError({
    code: 'TOO_MANY_IMPORTS',
    kind: 'conflict',
    message: `You have ${limit} imports. Delete some.`,
    details: { limit },
  });
