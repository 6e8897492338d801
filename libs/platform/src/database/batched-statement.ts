import { DatabaseError } from 'pg';
import { BatchSchedule } from './batch-schedule.js';

export type BatchedStatementOptions<T, R> = {
  /** Runs one statement for all items; when it throws, for none. Gives the results in the order of the items. */
  readonly execute: (items: readonly T[]) => Promise<readonly R[]>;
  /** Names what an item writes to; two items of one key never share a batch. Not for what only adds rows. */
  readonly keyOf?: (item: T) => string;
  readonly maxBatch: number;
  readonly maxInFlight: number;
};

type Waiting<T, R> = {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Gathers what many want of the database into one statement (see {@link BatchSchedule}). The items of a batch are in the
 * order of their keys, so that two batches that lock the same rows lock them in the same order. An item that the database
 * refuses does not fail the others: a refused batch is repeated one by one.
 */
export class BatchedStatement<T, R> {
  #waiting: Waiting<T, R>[] = [];
  readonly #schedule: BatchSchedule;

  constructor(private readonly options: BatchedStatementOptions<T, R>) {
    const { maxInFlight } = options;
    this.#schedule = new BatchSchedule({
      maxInFlight,
      isAnyoneWaiting: () => this.#waiting.length > 0,
      run: () => this.#execute(this.#takeBatch()),
    });
  }

  /** Resolves with what the statement gave for this item, once it is committed. */
  submit(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule.request();
    });
  }

  async #execute(batch: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.options.execute(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(results[index]!));
    } catch (error) {
      if (batch.length > 1 && isRefusal(error)) {
        for (const one of batch) await this.#execute([one]);
        return;
      }
      for (const { reject } of batch) reject(error);
    }
  }

  /** The first items, no two of one key; those left wait on, in their order. */
  #takeBatch(): readonly Waiting<T, R>[] {
    const { keyOf, maxBatch } = this.options;
    if (!keyOf) return this.#waiting.splice(0, maxBatch);
    const batch = new Map<string, Waiting<T, R>>();
    const left: Waiting<T, R>[] = [];
    for (const waiting of this.#waiting) {
      const key = keyOf(waiting.item);
      if (batch.size < maxBatch && !batch.has(key)) batch.set(key, waiting);
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
