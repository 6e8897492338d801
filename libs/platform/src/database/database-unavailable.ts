import { AppError } from '@claviger/kernel';

/** SQLSTATEs of a server that takes no connection or ends it (class 08, 57P, too many of them), and Node's own. */
const CODES =
  /^(08...|57P0[1-5]|53300|ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ENOTFOUND)$/;
/** What pg and its pool say without a code. */
const TEXTS =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)|not currently accepting connections/;

/**
 * An error of pg or TypeORM that means that PostgreSQL cannot be reached, in words for the caller; undefined for any other.
 * Whether a commit that was under way was made is unknown.
 */
export function asDatabaseUnavailable(error: unknown): AppError | undefined {
  if (!(error instanceof Error)) return undefined;
  const driver: unknown = (error as { driverError?: unknown }).driverError ?? error;
  const { code, message, syscall } = driver as { code?: unknown; message?: unknown; syscall?: unknown };
  // Reading a file fails with ENOENT too.
  const isCode = typeof code === 'string' && CODES.test(code) && (code !== 'ENOENT' || syscall === 'connect');
  if (!isCode && !(typeof message === 'string' && TEXTS.test(message))) return undefined;
  return new AppError({
    code: 'DATABASE_UNAVAILABLE',
    kind: 'unavailable',
    message:
      'The database cannot be reached right now. Try again; a change that was under way may have been made, so look first.',
    retryable: true,
    cause: error,
  });
}
