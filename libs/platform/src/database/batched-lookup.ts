import { BatchSchedule } from './batch-schedule.js';

type Waiter<V> = { readonly resolve: (value: V | undefined) => void; readonly reject: (error: unknown) => void };

export type BatchedLookupOptions<K, V> = {
  /** Fetches many keys at once; keys that do not exist are absent from the answer. */
  readonly fetch: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>;
  readonly maxBatch: number;
  readonly maxInFlight: number;
};

/**
 * Gathers look-ups into one fetch (see {@link BatchSchedule}). The same key asked for twice in a batch is fetched once.
 * Nothing is cached: each answer was read after its question.
 */
export class BatchedLookup<K, V> {
  #waiting = new Map<K, Waiter<V>[]>();
  readonly #schedule: BatchSchedule;

  constructor(private readonly options: BatchedLookupOptions<K, V>) {
    const { maxInFlight } = options;
    this.#schedule = new BatchSchedule({
      maxInFlight,
      isAnyoneWaiting: () => this.#waiting.size > 0,
      run: () => this.#fetch(this.#takeBatch()),
    });
  }

  find(key: K): Promise<V | undefined> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiting.get(key);
      if (waiters) waiters.push({ resolve, reject });
      else this.#waiting.set(key, [{ resolve, reject }]);
      this.#schedule.request();
    });
  }

  async #fetch(batch: ReadonlyMap<K, readonly Waiter<V>[]>): Promise<void> {
    try {
      const found = await this.options.fetch([...batch.keys()]);
      for (const [key, waiters] of batch) for (const waiter of waiters) waiter.resolve(found.get(key));
    } catch (error) {
      for (const waiters of batch.values()) for (const waiter of waiters) waiter.reject(error);
    }
  }

  #takeBatch(): Map<K, Waiter<V>[]> {
    if (this.#waiting.size <= this.options.maxBatch) {
      const all = this.#waiting;
      this.#waiting = new Map();
      return all;
    }
    const batch = new Map<K, Waiter<V>[]>();
    for (const [key, waiters] of this.#waiting) {
      batch.set(key, waiters);
      this.#waiting.delete(key);
      if (batch.size === this.options.maxBatch) break;
    }
    return batch;
  }
}
