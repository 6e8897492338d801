type Waiter<V> = { readonly resolve: (value: V | undefined) => void; readonly reject: (error: unknown) => void };

export type BatchedLookupOptions<K, V> = {
  /** Fetches many keys at once; keys that do not exist are absent from the answer. */
  readonly fetch: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>;
  readonly maxBatch: number;
  readonly maxInFlight: number;
};

/**
 * Gathers the look-ups of one turn of the event loop, and those that arrive while `maxInFlight` fetches are under way,
 * into one fetch. The same key asked for twice in a batch is fetched once. Nothing is cached: each answer was read
 * after its question.
 */
export class BatchedLookup<K, V> {
  #waiting = new Map<K, Waiter<V>[]>();
  #inFlight = 0;
  #scheduled = false;

  constructor(private readonly options: BatchedLookupOptions<K, V>) {}

  find(key: K): Promise<V | undefined> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiting.get(key);
      if (waiters) waiters.push({ resolve, reject });
      else this.#waiting.set(key, [{ resolve, reject }]);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= this.options.maxInFlight || this.#waiting.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const batch = this.#takeBatch();
    this.#inFlight += 1;
    this.#schedule();
    try {
      const found = await this.options.fetch([...batch.keys()]);
      for (const [key, waiters] of batch) for (const waiter of waiters) waiter.resolve(found.get(key));
    } catch (error) {
      for (const waiters of batch.values()) for (const waiter of waiters) waiter.reject(error);
    } finally {
      this.#inFlight -= 1;
      this.#schedule();
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
