import { AppError } from '@claviger/kernel';

export const idempotencyKeyInvalid = (): AppError =>
  new AppError({
    code: 'IDEMPOTENCY_KEY_INVALID',
    kind: 'invalid',
    message: 'Idempotency-Key must be 1 to 255 visible ASCII characters, such as a UUID. Send it once.',
  });

/** The key belongs to another request. */
export const idempotencyKeyReused = (): AppError =>
  new AppError({
    code: 'IDEMPOTENCY_KEY_REUSED',
    kind: 'unprocessable',
    message:
      'This Idempotency-Key was sent with another request: another method, address or body. Take a new key for each request, and repeat a request exactly.',
  });

/** An earlier sending of the same request is still being executed, or may be. */
export const idempotencyInProgress = (retryAfterMs = 1_000): AppError =>
  new AppError({
    code: 'IDEMPOTENCY_IN_PROGRESS',
    kind: 'conflict',
    message: 'A request with this Idempotency-Key is still being executed. Repeat it, with the same key, in a moment.',
    details: { retryAfterMs },
    retryable: true,
  });

/** The answer holds a secret that belongs to one token. */
export const idempotencyAnswerWithheld = (): AppError =>
  new AppError({
    code: 'IDEMPOTENCY_ANSWER_WITHHELD',
    kind: 'conflict',
    message:
      'The request was executed, but its answer holds a secret and is repeated only to the token that asked first. Revoke what was made, and make another with a new key.',
  });
