export type BatchScheduleOptions = {
  readonly maxInFlight: number;
  readonly isAnyoneWaiting: () => boolean;
  /** Takes a batch of those who wait, at once, and resolves when it is done with; never rejects. */
  readonly run: () => Promise<void>;
};

/**
 * Says when the next batch goes: after the turn of the event loop, so that everyone who was woken by the last one can
 * join it, and while fewer than `maxInFlight` are under way. So the number of batches follows the database, and their
 * size the load.
 */
export class BatchSchedule {
  #inFlight = 0;
  #isScheduled = false;

  constructor(private readonly options: BatchScheduleOptions) {}

  /** To be called for each who begins to wait. */
  request(): void {
    const { maxInFlight, isAnyoneWaiting } = this.options;
    if (this.#isScheduled || this.#inFlight >= maxInFlight || !isAnyoneWaiting()) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#inFlight += 1;
    const ended = this.options.run();
    this.request();
    await ended;
    this.#inFlight -= 1;
    this.request();
  }
}
