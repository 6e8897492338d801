import type { Clock } from '@claviger/kernel';

type Sleeper = { readonly wakesAt: number; readonly wake: () => void };

/**
 * A clock that stands still until it is moved. Sleepers wake in the order of their times, one after another, and what
 * each of them goes on to do has settled before the next one wakes.
 */
export class FakeClock implements Clock {
  #nowMs: number;
  readonly #sleepers = new Set<Sleeper>();

  constructor(start: Date = new Date('2026-01-01T00:00:00Z')) {
    this.#nowMs = start.getTime();
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper: Sleeper = {
        wakesAt: this.#nowMs + Math.max(0, ms),
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** How many sleeps have neither ended nor been aborted. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Lets what can run now run, without moving the time. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Moves the time on, waking whoever is due on the way. */
  async advance(ms: number): Promise<void> {
    const until = this.#nowMs + ms;
    await this.settle();
    for (let next = this.#next(until); next; next = this.#next(until)) await this.#wake(next);
    this.#nowMs = until;
  }

  /**
   * Moves the time from sleeper to sleeper until the promise has settled, and gives its result.
   * @throws Error when nobody sleeps any more and it is still pending: it would wait for ever
   */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    promise.then(settled, settled);
    await this.settle();
    while (!isSettled) {
      const next = this.#next(Infinity);
      if (!next) throw new Error('The promise is pending and nobody sleeps: it waits for something that never comes.');
      await this.#wake(next);
    }
    return promise;
  }

  #next(until: number): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.wakesAt <= until && (first === undefined || sleeper.wakesAt < first.wakesAt)) first = sleeper;
    }
    return first;
  }

  async #wake(sleeper: Sleeper): Promise<void> {
    this.#sleepers.delete(sleeper);
    this.#nowMs = Math.max(this.#nowMs, sleeper.wakesAt);
    sleeper.wake();
    await this.settle();
  }
}
