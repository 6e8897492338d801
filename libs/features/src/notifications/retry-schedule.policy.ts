const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * How long after each failed attempt the next one follows, about three days in all: the schedule that the Standard
 * Webhooks specification suggests (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md,
 * "Retry schedule"), with 24 hours for its last step.
 */
export const RETRY_AFTER_MS: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];
/** A receiver may ask for patience, not for being forgotten. */
export const MAX_RETRY_AFTER_MS = 24 * HOUR;
/** A part of the delay, taken or added, so that what failed together does not come back together. */
const JITTER = 0.2;
/** After so long without a success a webhook is disabled. */
export const FAILING_FOR_MS = 5 * 24 * HOUR;

/**
 * Milliseconds until the next attempt, or undefined when there is none any more.
 * @param attempts how many failed so far, 1 for the first
 * @param random from 0 to 1
 * @param askedMs what the receiver asked for in `Retry-After`: honoured where it is longer, up to 24 hours
 */
export function nextDelayMs(attempts: number, random: number, askedMs = 0): number | undefined {
  const base = RETRY_AFTER_MS[attempts - 1];
  if (base === undefined) return undefined;
  return Math.round(Math.max(base * (1 - JITTER + 2 * JITTER * random), Math.min(askedMs, MAX_RETRY_AFTER_MS)));
}

/** True when nothing but failures came from a receiver for days. */
export function hasFailedLong(failingSince: Date, now: Date): boolean {
  return now.getTime() - failingSince.getTime() >= FAILING_FOR_MS;
}
