import { BatchSchedule } from '@claviger/platform/database';

export type GroupCommitOptions<T> = {
  /** Makes a batch durable; resolves after its commit. */
  readonly write: (batch: readonly T[]) => Promise<void>;
  readonly maxBatch: number;
  readonly maxInFlight: number;
  /** Most items that may wait; one more is turned away at once. */
  readonly maxWaiting: number;
  /** What a waiting item is told, with the cause where there is one. */
  readonly refuse: (cause?: unknown) => Error;
};

type Waiting<T> = { readonly item: T; readonly resolve: () => void; readonly reject: (error: unknown) => void };

/** Group commit: items wait while earlier batches are written, then go together (see {@link BatchSchedule}). */
export class GroupCommit<T> {
  #waiting: Waiting<T>[] = [];
  readonly #schedule: BatchSchedule;

  constructor(private readonly options: GroupCommitOptions<T>) {
    const { maxInFlight, maxBatch } = options;
    this.#schedule = new BatchSchedule({
      maxInFlight,
      isAnyoneWaiting: () => this.#waiting.length > 0,
      run: () => this.#write(this.#waiting.splice(0, maxBatch)),
    });
  }

  /** Resolves once the item is durable. @throws what `refuse` makes, when it is not or nobody knows */
  commit(item: T): Promise<void> {
    if (this.#waiting.length >= this.options.maxWaiting) return Promise.reject(this.options.refuse());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule.request();
    });
  }

  async #write(batch: readonly Waiting<T>[]): Promise<void> {
    try {
      await this.options.write(batch.map(({ item }) => item));
      for (const { resolve } of batch) resolve();
    } catch (cause) {
      const error = this.options.refuse(cause);
      for (const { reject } of batch) reject(error);
    }
  }
}
