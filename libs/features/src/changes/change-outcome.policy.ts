import { isAppError, type AppError, type ErrorKind } from '@claviger/kernel';
import type { ExecutingChange } from './executing-change.js';

/** The longest pause before it is looked again what became of a change, in milliseconds. */
const MAX_PAUSE_MS = 60_000;
/** Errors that tell nothing about what became of an earlier attempt. */
const TELLS_NOTHING: ReadonlySet<ErrorKind> = new Set(['unavailable', 'timeout', 'rate_limited', 'internal']);

/**
 * Whether a failure settles what became of a change: it was not carried out. It does not when the vault may have acted on
 * it, nor when an earlier attempt is still unaccounted for and could not be asked about.
 */
export function isCertain(error: unknown, { isResumed }: Pick<ExecutingChange, 'isResumed'>): error is AppError {
  if (!isAppError(error) || (error as { outcomeUnknown?: boolean }).outcomeUnknown) return false;
  return !isResumed || !(error.retryable || TELLS_NOTHING.has(error.kind));
}

/** How long to wait before the next look at what became of a change, in milliseconds. `attempt` counts from 1. */
export function pauseMs(attempt: number): number {
  return Math.min(MAX_PAUSE_MS, 1_000 * 2 ** attempt);
}
