import { DatabaseError } from 'pg';

export type BatchedWriteOptions<T, R> = {
  /** Writes all items or, when it throws, none; gives the results in the order of the items. */
  readonly write: (items: readonly T[]) => Promise<readonly R[]>;
  /** Names what an item writes to: two items of one key never share a batch. */
  readonly keyOf: (item: T) => string;
  readonly maxBatch: number;
  readonly maxInFlight: number;
};

type Waiting<T, R> = {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Gathers the writes of one turn of the event loop, and those that arrive while `maxInFlight` batches are under way, into
 * one statement. The items of a batch are in the order of their keys, so that two batches that lock the same rows lock
 * them in the same order. An item that the database refuses does not fail the others: a refused batch is repeated one by
 * one.
 */
export class BatchedWrite<T, R> {
  #waiting: Waiting<T, R>[] = [];
  #inFlight = 0;
  #isScheduled = false;

  constructor(private readonly options: BatchedWriteOptions<T, R>) {}

  /** Resolves with what the write of this item gave, once it is committed. */
  submit(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#inFlight >= this.options.maxInFlight || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const batch = this.#takeBatch();
    this.#inFlight += 1;
    this.#schedule();
    try {
      await this.#write(batch);
    } finally {
      this.#inFlight -= 1;
      this.#schedule();
    }
  }

  async #write(batch: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.options.write(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(results[index]!));
    } catch (error) {
      if (batch.length > 1 && isRefusal(error)) {
        for (const one of batch) await this.#write([one]);
        return;
      }
      for (const { reject } of batch) reject(error);
    }
  }

  /** The first items, no two of one key; those left wait on, in their order. */
  #takeBatch(): readonly Waiting<T, R>[] {
    const batch = new Map<string, Waiting<T, R>>();
    const left: Waiting<T, R>[] = [];
    for (const waiting of this.#waiting) {
      const key = this.options.keyOf(waiting.item);
      if (batch.size < this.options.maxBatch && !batch.has(key)) batch.set(key, waiting);
      else left.push(waiting);
    }
    this.#waiting = left;
    return [...batch].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, waiting]) => waiting);
  }
}

/** True when the database says that it has undone the statement; after a lost connection nobody knows. */
function isRefusal(error: unknown): boolean {
  return error instanceof DatabaseError && error.severity === 'ERROR';
}
