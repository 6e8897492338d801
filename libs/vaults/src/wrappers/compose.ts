import { systemClock, type Clock } from '@claviger/kernel';
import type { VaultAdapter } from '../contract/index.js';
import { CircuitBreaker, type BreakerSettings } from './circuit-breaker.js';
import type { RetryPolicy } from './retry-policy.js';
import { withCircuitBreaker } from './with-circuit-breaker.js';
import { withObserver, type Observer } from './with-observer.js';
import { withRateLimit, type RateLimitInit } from './with-rate-limit.js';
import { withRetry } from './with-retry.js';
import { withTimeout, type OperationTimeouts } from './with-timeout.js';

export type GuardSettings = {
  readonly timeouts: OperationTimeouts;
  readonly retry: RetryPolicy;
  readonly breaker: BreakerSettings;
};

export const DEFAULT_GUARD_SETTINGS: GuardSettings = {
  timeouts: { default: 10_000, list: 30_000, readMany: 30_000 },
  retry: { maxAttempts: 3, baseMs: 100, maxDelayMs: 2_000, maxElapsedMs: 15_000 },
  breaker: { consecutiveFailures: 5, failureRatio: 0.5, window: 20, openMs: 5_000, maxOpenMs: 60_000 },
};

/** What all adapters of one vault instance share in this process. */
export type InstanceGuards = {
  /** Of the instance, for messages. */
  readonly name: string;
  readonly settings: GuardSettings;
  readonly breaker: CircuitBreaker;
  /** Undefined: no limit is known for the credential. */
  readonly rateLimit: RateLimitInit | undefined;
  readonly observe: Observer | undefined;
  readonly clock: Clock;
  readonly random: () => number;
};

/** Makes the guards of one instance; make them once per process and instance, and anew when its settings change. */
export function createInstanceGuards(init: {
  readonly name: string;
  readonly settings?: Partial<GuardSettings>;
  readonly rateLimit?: RateLimitInit;
  readonly observe?: Observer;
  readonly clock?: Clock;
  readonly random?: () => number;
}): InstanceGuards {
  const settings = { ...DEFAULT_GUARD_SETTINGS, ...init.settings };
  const clock = init.clock ?? systemClock;
  return {
    name: init.name,
    settings,
    breaker: new CircuitBreaker(settings.breaker, clock),
    rateLimit: init.rateLimit,
    observe: init.observe,
    clock,
    random: init.random ?? Math.random,
  };
}

/**
 * The adapter of a remote vault as the rest of the program uses it. From the outside in, and why in this order:
 *
 * 1. observer: sees what callers see, pauses and repetitions included;
 * 2. retry: each repetition asks the breaker again, and so ends as soon as it opens;
 * 3. circuit breaker: counts every attempt, not every third; refuses before anyone queues for a turn;
 * 4. rate limit: every attempt costs a turn, because the vault counts attempts;
 * 5. time-out: next to the adapter, so that waiting for a turn does not use up the vault's time to answer.
 *
 * The built-in vault is composed without: it takes part in the caller's transaction.
 */
export function composeAdapter(adapter: VaultAdapter, guards: InstanceGuards): VaultAdapter {
  const { name, settings, breaker, rateLimit, observe, clock, random } = guards;
  const timed = withTimeout(adapter, settings.timeouts, clock);
  const limited = rateLimit ? withRateLimit(timed, rateLimit) : timed;
  const broken = withCircuitBreaker(limited, breaker, name);
  const retried = withRetry(broken, { policy: settings.retry, clock, random });
  return observe ? withObserver(retried, observe, clock) : retried;
}
