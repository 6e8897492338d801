import type { Clock } from '@claviger/kernel';

/** A job does not wait longer for slow targets: they go on by themselves, so that newer changes reach the fast ones. */
export const PATIENCE_MS = 1_000;
/** How many attempts at one vault profile may go on by themselves in this process. */
export const MAX_SLOW = 32;
/** One for all: an abort without a reason makes an error with a stack trace each time. */
const OVER = new Error('The job waits no longer.');

export type RunningAttempt = {
  readonly profileId: string;
  /** Settles with the attempt; never rejects. */
  readonly done: Promise<void>;
  /** Makes it end soon. */
  readonly abort: () => void;
};

/** The attempts that have outlived the patience of their jobs. */
export class SlowAttempts {
  readonly #byProfile = new Map<string, Set<RunningAttempt>>();

  constructor(private readonly clock: Clock) {}

  /** True when so many attempts at that profile are slow that no further one should be begun. */
  isFull(profileId: string): boolean {
    return (this.#byProfile.get(profileId)?.size ?? 0) >= MAX_SLOW;
  }

  /** Waits for the attempts, but not for long; those that take longer are kept here until they end. */
  async wait(attempts: readonly RunningAttempt[]): Promise<void> {
    const isOver = new AbortController();
    const patience = this.clock.sleep(PATIENCE_MS, isOver.signal).catch(() => undefined);
    const pending = new Set(attempts);
    const all = Promise.all(attempts.map(({ done }, index) => done.then(() => pending.delete(attempts[index]!))));
    await Promise.race([all, patience]);
    isOver.abort(OVER);
    for (const attempt of pending) this.#keep(attempt);
  }

  /** Resolves when none is left; those that take longer than `ms` are aborted. */
  async drain(ms: number): Promise<void> {
    const isOver = new AbortController();
    const cut = this.clock.sleep(ms, isOver.signal).then(
      () => this.#all().forEach(({ abort }) => abort()),
      () => undefined,
    );
    while (this.#all().length > 0) await Promise.all(this.#all().map(({ done }) => done));
    isOver.abort();
    await cut;
  }

  #keep(attempt: RunningAttempt): void {
    let slow = this.#byProfile.get(attempt.profileId);
    if (!slow) this.#byProfile.set(attempt.profileId, (slow = new Set()));
    slow.add(attempt);
    void attempt.done.then(() => {
      slow.delete(attempt);
      if (slow.size === 0 && this.#byProfile.get(attempt.profileId) === slow) this.#byProfile.delete(attempt.profileId);
    });
  }

  #all(): RunningAttempt[] {
    return [...this.#byProfile.values()].flatMap((slow) => [...slow]);
  }
}
