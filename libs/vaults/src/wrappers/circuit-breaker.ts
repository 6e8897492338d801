import type { Clock } from '@claviger/kernel';
import { CircuitState, ConsecutiveBreaker, CountBreaker, type IBreaker } from 'cockatiel';

export type BreakerSettings = {
  /** Opens after so many failures in a row, */
  readonly consecutiveFailures: number;
  /** or when more than this share, between 0 and 1, */
  readonly failureRatio: number;
  /** of so many last calls failed. */
  readonly window: number;
  /** How long it stays open the first time; doubles while probes fail. */
  readonly openMs: number;
  readonly maxOpenMs: number;
};

/** What a call showed about the vault's health; `none` when it never got there or may not have. */
export type Evidence = 'success' | 'failure' | 'none';

export type BreakerStatus = {
  readonly state: 'closed' | 'open' | 'half_open';
  /** When the state began. */
  readonly since: Date;
  /** While open: when the next call is let through. */
  readonly retryAt: Date | undefined;
};

/** Leave for one call. Its outcome must be told, once. */
export type Admission =
  | { readonly isAdmitted: true; readonly settle: (evidence: Evidence) => void }
  | { readonly isAdmitted: false; readonly retryAfterMs: number };

type State =
  | { readonly name: 'closed'; readonly since: number; readonly rules: readonly IBreaker[] }
  | { readonly name: 'open'; readonly since: number; readonly until: number; readonly openings: number }
  | { readonly name: 'half_open'; readonly since: number; readonly openings: number; isProbing: boolean };

const PROBE_WAIT_MS = 1000;

/**
 * Keeps calls away from a vault that fails: closed, it counts; open, it refuses at once; half open, it lets one call at
 * a time try. Only what such a probe shows closes or opens it again; calls that began in an earlier state are not
 * heard any more. (The rules that decide when to open are cockatiel's. Its policy around them is not used: it has no
 * clock to inject, lets waiting calls outlive their signal, and takes a cancelled probe for a success.)
 */
export class CircuitBreaker {
  readonly #settings: BreakerSettings;
  readonly #clock: Pick<Clock, 'now'>;
  #state: State;

  constructor(settings: BreakerSettings, clock: Pick<Clock, 'now'>) {
    this.#settings = settings;
    this.#clock = clock;
    this.#state = this.#closed();
  }

  status(): BreakerStatus {
    const { name, since } = this.#state;
    const retryAt = this.#state.name === 'open' ? new Date(this.#state.until) : undefined;
    return { state: name, since: new Date(since), retryAt };
  }

  /** Asks for leave to make a call. */
  admit(): Admission {
    const state = this.#state;
    if (state.name === 'closed') return this.#admitted(state);
    if (state.name === 'half_open') {
      if (state.isProbing) return { isAdmitted: false, retryAfterMs: PROBE_WAIT_MS };
      state.isProbing = true;
      return this.#admitted(state);
    }
    const remaining = state.until - this.#nowMs();
    if (remaining > 0) return { isAdmitted: false, retryAfterMs: remaining };
    const probing: State = { name: 'half_open', since: this.#nowMs(), openings: state.openings, isProbing: true };
    this.#state = probing;
    return this.#admitted(probing);
  }

  #admitted(state: State): Admission {
    let isSettled = false;
    return {
      isAdmitted: true,
      settle: (evidence) => {
        if (isSettled || this.#state !== state) return;
        isSettled = true;
        this.#hear(state, evidence);
      },
    };
  }

  #hear(state: State, evidence: Evidence): void {
    if (state.name === 'half_open') {
      if (evidence === 'none') state.isProbing = false;
      else this.#state = evidence === 'success' ? this.#closed() : this.#opened(state.openings + 1);
      return;
    }
    if (state.name !== 'closed' || evidence === 'none') return;
    if (evidence === 'success') return state.rules.forEach((rule) => rule.success(CircuitState.Closed));
    const verdicts = state.rules.map((rule) => rule.failure(CircuitState.Closed));
    if (verdicts.includes(true)) this.#state = this.#opened(1);
  }

  #closed(): State {
    const { consecutiveFailures, failureRatio: threshold, window: size } = this.#settings;
    const rules = [new ConsecutiveBreaker(consecutiveFailures), new CountBreaker({ threshold, size })];
    return { name: 'closed', since: this.#nowMs(), rules };
  }

  #opened(openings: number): State {
    const { openMs, maxOpenMs } = this.#settings;
    const since = this.#nowMs();
    return { name: 'open', since, until: since + Math.min(maxOpenMs, openMs * 2 ** (openings - 1)), openings };
  }

  #nowMs(): number {
    return this.#clock.now().getTime();
  }
}
