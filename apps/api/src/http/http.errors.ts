import { AppError } from '@claviger/kernel';

/** One thing that is wrong with a request: where, and what would be right. */
export type InputError = { readonly pointer: string; readonly message: string };

export const inputInvalid = (errors: readonly InputError[]): AppError =>
  new AppError({
    code: 'INPUT_INVALID',
    kind: 'invalid',
    message: `The request is wrong. ${errors.map(({ pointer, message }) => `${pointer}: ${message}`).join('; ')}.`,
    details: { errors },
  });

export const ifMatchRequired = (): AppError =>
  new AppError({
    code: 'IF_MATCH_REQUIRED',
    kind: 'precondition_required',
    message: 'Send If-Match with the ETag that you read, or * to accept any.',
  });

export const ifMatchInvalid = (): AppError =>
  new AppError({
    code: 'IF_MATCH_INVALID',
    kind: 'invalid',
    message: 'If-Match must be one ETag as it was sent, such as "3", or *.',
  });

export const cursorInvalid = (): AppError =>
  new AppError({
    code: 'CURSOR_INVALID',
    kind: 'invalid',
    message: 'The cursor is not one that this list gave out. Start again without it.',
  });

export const tokenMissing = (): AppError =>
  new AppError({
    code: 'TOKEN_MISSING',
    kind: 'unauthenticated',
    message: 'Send a token as "Authorization: Bearer <token>".',
  });

/** A request that has been through this installation already (the hop header). */
export const vaultLoop = (): AppError =>
  new AppError({
    code: 'VAULT_LOOP',
    kind: 'invalid',
    message: 'This request came from this Claviger itself: a vault instance points back at it. Change its address.',
  });

export const shuttingDown = (): AppError =>
  new AppError({
    code: 'SHUTTING_DOWN',
    kind: 'unavailable',
    message: 'This process is stopping and takes no more requests. Ask another one, or again in a moment.',
    retryable: true,
  });
