import { isVaultError } from '../contract/index.js';
import { isLocalRefusal } from './local-refusal.js';

export type RetryPolicy = {
  /** Attempts in all, the first one included. */
  readonly maxAttempts: number;
  /** Upper bound of the first delay; it doubles with each attempt. */
  readonly baseMs: number;
  /** Upper bound of all delays, apart from what the vault asks for. */
  readonly maxDelayMs: number;
  /** When the next attempt would begin later than this after the first, there is none. */
  readonly maxElapsedMs: number;
};

/**
 * Whether a failed attempt may be repeated: the error is one that goes away by itself, the vault was asked at all, and
 * either the operation is harmless to repeat or it is known not to have been applied. UNAUTHENTICATED is not
 * retryable: logging in again is the connection's business, once.
 */
export function mayRepeat(error: unknown, isRepeatable: boolean): boolean {
  if (!isVaultError(error) || !error.retryable || isLocalRefusal(error)) return false;
  return isRepeatable || !error.outcomeUnknown;
}

/**
 * How long to wait after the nth failed attempt (from 1), in milliseconds: exponential backoff with full jitter, so
 * that clients that failed together do not come back together; what the vault asked for comes on top, never off.
 * @param random in [0, 1)
 */
export function retryDelay(
  policy: RetryPolicy,
  failed: { readonly attempt: number; readonly retryAfterMs: number | undefined; readonly random: number },
): number {
  const ceiling = Math.min(policy.maxDelayMs, policy.baseMs * 2 ** (failed.attempt - 1));
  return Math.round((failed.retryAfterMs ?? 0) + failed.random * ceiling);
}
