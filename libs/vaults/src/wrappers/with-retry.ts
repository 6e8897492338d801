import type { Clock } from '@claviger/kernel';
import { isVaultError, VaultError, type VaultAdapter } from '../contract/index.js';
import { intercept, type Invocation } from './intercept.js';
import { isLocalRefusal } from './local-refusal.js';
import { mayRepeat, retryDelay, type RetryPolicy } from './retry-policy.js';

export type RetryInit = {
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
};

/**
 * Repeats what failed and may be repeated ({@link mayRepeat}), after a pause ({@link retryDelay}). Throws the error of
 * the last attempt that the vault saw; when any attempt of a write ended with an unknown outcome, so does the whole. A
 * caller who gives up during a pause gets CANCELLED.
 */
export function withRetry(adapter: VaultAdapter, init: RetryInit): VaultAdapter {
  return intercept(adapter, (invocation) => new Attempts(invocation, init).run());
}

class Attempts<T> {
  readonly #invocation: Invocation<T>;
  readonly #init: RetryInit;
  #last: VaultError | undefined;
  #isOutcomeUnknown = false;

  constructor(invocation: Invocation<T>, init: RetryInit) {
    this.#invocation = invocation;
    this.#init = init;
  }

  async run(): Promise<T> {
    const startedAt = this.#nowMs();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#invocation.run();
      } catch (error) {
        const delay = this.#delayAfter(error, attempt, startedAt);
        if (delay === undefined) throw this.#verdict(error);
        await this.#pause(delay);
      }
    }
  }

  /** Undefined when there is to be no further attempt. */
  #delayAfter(error: unknown, attempt: number, startedAt: number): number | undefined {
    const { policy, random } = this.#init;
    const { mutates, repeatable } = this.#invocation;
    if (!isVaultError(error) || isLocalRefusal(error)) return undefined;
    this.#last = error;
    this.#isOutcomeUnknown ||= mutates && error.outcomeUnknown;
    if (!mayRepeat(error, repeatable) || attempt >= policy.maxAttempts) return undefined;
    const delay = retryDelay(policy, { attempt, retryAfterMs: error.retryAfterMs, random: random() });
    return this.#nowMs() + delay - startedAt > policy.maxElapsedMs ? undefined : delay;
  }

  #verdict(error: unknown): unknown {
    // That a wrapper refused the repetition is no news; why the first attempt failed is.
    const cause = isLocalRefusal(error) ? (this.#last ?? error) : error;
    if (!isVaultError(cause) || cause.outcomeUnknown || !this.#isOutcomeUnknown) return cause;
    const { vaultCode: code, message, backend, operation, httpStatus, retryAfterMs, details } = cause;
    return new VaultError({
      code,
      message,
      backend,
      operation,
      outcomeUnknown: true,
      ...(httpStatus === undefined ? {} : { httpStatus }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(details === undefined ? {} : { details }),
    });
  }

  async #pause(ms: number): Promise<void> {
    const { adapter, operation, call } = this.#invocation;
    try {
      await this.#init.clock.sleep(ms, call.signal);
    } catch {
      throw new VaultError({
        code: 'CANCELLED',
        message: 'The caller gave up while the vault was left alone before the next attempt.',
        backend: adapter.kind,
        operation,
        outcomeUnknown: this.#isOutcomeUnknown,
        details: { lastError: this.#last?.code },
      });
    }
  }

  #nowMs(): number {
    return this.#init.clock.now().getTime();
  }
}
