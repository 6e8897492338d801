/** What went wrong, in the words that both surfaces translate from (HTTP status, retry rule). */
export const ERROR_KINDS = [
  'invalid',
  'unauthenticated',
  'forbidden',
  'not_found',
  'gone',
  'conflict',
  'precondition',
  'precondition_required',
  'too_large',
  'unsupported_media',
  'unprocessable',
  'rate_limited',
  'unsupported',
  'unavailable',
  'timeout',
  'internal',
] as const;

export type ErrorKind = (typeof ERROR_KINDS)[number];

/** Facts about an error that may leave the process: never a value, a token or an upstream body. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export type AppErrorInit = {
  /** Stable, SCREAMING_SNAKE_CASE, documented; what programs branch on. */
  readonly code: string;
  readonly kind: ErrorKind;
  /** One sentence for a person: names the thing and the fix. */
  readonly message: string;
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
  /** True when the same request may succeed later without being changed. */
  readonly retryable?: boolean;
};

/** The only error that features and adapters throw on purpose. Anything else that surfaces is a defect (`internal`). */
export class AppError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly details: ErrorDetails | undefined;
  readonly retryable: boolean;

  constructor(init: AppErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'AppError';
    this.code = init.code;
    this.kind = init.kind;
    this.details = init.details;
    this.retryable = init.retryable ?? (init.kind === 'unavailable' || init.kind === 'rate_limited');
  }
}

/** True for an AppError, optionally of one code. */
export function isAppError(error: unknown, code?: string): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}
