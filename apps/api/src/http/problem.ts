import { AppError, type ErrorKind } from '@claviger/kernel';

/** HTTP status of each kind of error on the REST surface. */
const STATUS: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  gone: 410,
  precondition: 412,
  too_large: 413,
  unsupported_media: 415,
  unprocessable: 422,
  precondition_required: 428,
  rate_limited: 429,
  internal: 500,
  unsupported: 501,
  unavailable: 503,
  timeout: 504,
};

/** An error as RFC 9457 has it, with a stable `code` for programs. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId: string;
  readonly retryable: boolean;
  readonly [extension: string]: unknown;
};

const TITLES: Readonly<Record<ErrorKind, string>> = {
  invalid: 'The request is wrong',
  unauthenticated: 'Not authenticated',
  forbidden: 'Not allowed',
  not_found: 'Not found',
  conflict: 'Conflict',
  gone: 'Gone',
  precondition: 'Changed in the meantime',
  too_large: 'Too large',
  unsupported_media: 'Unsupported media type',
  unprocessable: 'The request contradicts an earlier one',
  precondition_required: 'If-Match is missing',
  rate_limited: 'Too many requests',
  internal: 'Internal error',
  unsupported: 'Not supported',
  unavailable: 'Not available',
  timeout: 'Timed out',
};

/** Encodes an error. Whatever is not an AppError says nothing but its request id, under which the log has more. */
export function toProblem(error: unknown, requestId: string): Problem {
  const known = error instanceof AppError ? error : internal();
  const { details } = known;
  return {
    ...(details ? { details } : {}),
    type: `urn:claviger:problem:${known.code}`,
    title: TITLES[known.kind],
    status: STATUS[known.kind],
    code: known.code,
    detail: known.message,
    requestId,
    retryable: known.retryable,
  };
}

const internal = (): AppError =>
  new AppError({
    code: 'INTERNAL',
    kind: 'internal',
    message: 'Something went wrong inside Claviger. The log has more under the request id.',
  });

/** What Fastify and Nest throw, in our words. */
export function fromFramework(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const { statusCode, status } = error as { statusCode?: number; status?: number; getStatus?: () => number };
  switch (statusCode ?? status) {
    case 400:
      return new AppError({ code: 'REQUEST_INVALID', kind: 'invalid', message: 'The request is malformed.' });
    case 404:
      return new AppError({ code: 'ROUTE_NOT_FOUND', kind: 'not_found', message: 'There is nothing at this address.' });
    case 413:
      return new AppError({ code: 'BODY_TOO_LARGE', kind: 'too_large', message: 'The body is larger than 1 MiB.' });
    case 415:
      return new AppError({
        code: 'CONTENT_TYPE_UNSUPPORTED',
        kind: 'unsupported_media',
        message: 'Send the body as Content-Type: application/json.',
      });
    default:
      return error;
  }
}
