import type { Clock } from '@claviger/kernel';

const FLUSH_EVERY_MS = 60_000;
const MAX_SOURCES = 10_000;
const OTHER_SOURCES = 'other';

/** The refusals of one source since the last time that they were stored. */
export type Refusals = {
  readonly storeId: string;
  /** Address, or `other` for all that were too many. */
  readonly source: string;
  count: number;
  readonly firstAt: Date;
  lastAt: Date;
};

/**
 * Counts refusals of callers who did not say who they are, and stores one entry for each source and minute: anybody
 * can cause such refusals, so they must not be able to fill the log.
 */
export class RefusalCounter {
  #refusals = new Map<string, Refusals>();
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: (refusals: Refusals) => Promise<void>,
    private readonly clock: Clock,
  ) {}

  /** Counts one refusal. Sources beyond the ten-thousandth of a minute are counted together. */
  count(storeId: string, remoteAddress: string): void {
    const isKnown = this.#refusals.has(`${storeId}/${remoteAddress}`);
    const source = isKnown || this.#refusals.size < MAX_SOURCES ? remoteAddress : OTHER_SOURCES;
    const now = this.clock.now();
    this.#add({ storeId, source, count: 1, firstAt: now, lastAt: now });
  }

  start(): void {
    this.#running = this.#flushEveryMinute(this.#stop.signal);
  }

  /** Stores what was counted, and ends. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Stores what was counted; what cannot be stored goes on counting. */
  async flush(): Promise<void> {
    const refusals = this.#refusals;
    this.#refusals = new Map();
    await Promise.all([...refusals.values()].map((each) => this.store(each).catch(() => this.#add(each))));
  }

  async #flushEveryMinute(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.clock.sleep(FLUSH_EVERY_MS, signal).catch(() => undefined);
      await this.flush();
    }
  }

  #add(refusals: Refusals): void {
    const key = `${refusals.storeId}/${refusals.source}`;
    const known = this.#refusals.get(key);
    if (!known) {
      this.#refusals.set(key, refusals);
      return;
    }
    known.count += refusals.count;
    if (refusals.lastAt > known.lastAt) known.lastAt = refusals.lastAt;
  }
}
