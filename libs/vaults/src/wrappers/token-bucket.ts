import type { Clock } from '@claviger/kernel';

/** What one credential may do, over all processes together. */
export type RateLimit = {
  readonly perSecond: number;
  /** How many calls may go at once after a quiet time. */
  readonly burst: number;
};

export type TokenBucketInit = {
  readonly clock: Clock;
  /** How many processes share the limit; at least 1. Asked on every call, because processes come and go. */
  readonly liveProcesses: () => number;
  /** Who would have to wait longer is refused. Bounds the queue. */
  readonly maxWaitMs: number;
};

type Waiter = { readonly go: () => void };

/**
 * This process's share of a rate limit: a token bucket with a queue, first come, first served. A waiter who gives up
 * leaves the queue and costs nothing.
 */
export class TokenBucket {
  readonly #init: TokenBucketInit;
  #limit: RateLimit;
  #tokens: number;
  #filledAt: number;
  readonly #queue = new Set<Waiter>();
  #isServing = false;
  /** Ends the sleep between two tokens when there is nobody left to serve. */
  #nap = new AbortController();

  constructor(limit: RateLimit, init: TokenBucketInit) {
    this.#init = init;
    this.#limit = limit;
    this.#tokens = this.#capacity();
    this.#filledAt = this.#nowMs();
  }

  /** Changes the limit for everyone, also for who is waiting. */
  set limit(limit: RateLimit) {
    this.#limit = limit;
  }

  /** True when it is as good as a new one, and so may be dropped. */
  get isIdle(): boolean {
    this.#refill();
    return this.#queue.size === 0 && this.#tokens >= this.#capacity();
  }

  /**
   * Waits for a token. Resolves to undefined when it got one, or at once to the expected waiting time in milliseconds
   * when that is more than `maxWaitMs`. @throws the signal's reason when it aborts
   */
  async take(signal: AbortSignal): Promise<number | undefined> {
    signal.throwIfAborted();
    this.#refill();
    const waitMs = this.#waitMs(this.#queue.size + 1);
    if (waitMs <= 0) return this.#spend();
    if (waitMs > this.#init.maxWaitMs) return Math.ceil(waitMs);
    await this.#enqueue(signal);
    return undefined;
  }

  /** The vault asked to be left alone: nobody goes before, and nothing is saved up meanwhile. */
  pause(ms: number): void {
    this.#refill();
    this.#tokens = Math.min(1, this.#tokens);
    this.#filledAt = Math.max(this.#filledAt, this.#nowMs() + ms);
  }

  #enqueue(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#queue.delete(waiter);
        if (this.#queue.size === 0) this.#nap.abort();
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        go: () => {
          signal.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#queue.add(waiter);
      if (!this.#isServing) void this.#serve();
    });
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    for (const waiter of this.#queue) {
      while (this.#queue.has(waiter)) {
        this.#refill();
        const waitMs = this.#waitMs(1);
        if (waitMs > 0) {
          this.#nap = new AbortController();
          await this.#init.clock.sleep(Math.ceil(waitMs), this.#nap.signal).catch(() => undefined);
          continue;
        }
        this.#spend();
        this.#queue.delete(waiter);
        waiter.go();
      }
    }
    this.#isServing = false;
  }

  #spend(): undefined {
    this.#tokens -= 1;
  }

  /** How long the nth in the queue (from 1) has to wait. */
  #waitMs(position: number): number {
    const pauseMs = Math.max(0, this.#filledAt - this.#nowMs());
    const missing = Math.max(0, position - this.#tokens);
    return pauseMs + (missing < 1e-9 ? 0 : (missing / this.#perSecond()) * 1000);
  }

  #refill(): void {
    const elapsedMs = Math.max(0, this.#nowMs() - this.#filledAt);
    const gained = (elapsedMs / 1000) * this.#perSecond();
    this.#tokens = Math.min(this.#capacity(), this.#tokens + gained);
    this.#filledAt += elapsedMs;
  }

  #perSecond(): number {
    return this.#limit.perSecond / this.#share();
  }

  #capacity(): number {
    return Math.max(1, this.#limit.burst / this.#share());
  }

  #share(): number {
    return Math.max(1, this.#init.liveProcesses());
  }

  #nowMs(): number {
    return this.#init.clock.now().getTime();
  }
}
