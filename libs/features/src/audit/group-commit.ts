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

/**
 * Group commit: items wait while earlier batches are written, then go together. So the number of commits follows the
 * disk, and the size of a batch follows the load.
 */
export class GroupCommit<T> {
  #waiting: Waiting<T>[] = [];
  #inFlight = 0;
  #isScheduled = false;

  constructor(private readonly options: GroupCommitOptions<T>) {}

  /** Resolves once the item is durable. @throws what `refuse` makes, when it is not or nobody knows */
  commit(item: T): Promise<void> {
    if (this.#waiting.length >= this.options.maxWaiting) return Promise.reject(this.options.refuse());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  /** After the turn, so that everyone who was woken by the last batch can join the next one. */
  #schedule(): void {
    if (this.#isScheduled || this.#inFlight >= this.options.maxInFlight || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#write(this.#takeBatch());
    });
  }

  #takeBatch(): Waiting<T>[] {
    const batch = this.#waiting;
    this.#waiting = batch.length > this.options.maxBatch ? batch.splice(this.options.maxBatch) : [];
    return batch;
  }

  async #write(batch: readonly Waiting<T>[]): Promise<void> {
    this.#inFlight += 1;
    this.#schedule();
    try {
      await this.options.write(batch.map(({ item }) => item));
      for (const { resolve } of batch) resolve();
    } catch (cause) {
      const error = this.options.refuse(cause);
      for (const { reject } of batch) reject(error);
    } finally {
      this.#inFlight -= 1;
      this.#schedule();
    }
  }
}
