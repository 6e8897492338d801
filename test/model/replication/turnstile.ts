type Waiting = { readonly what: string; readonly pass: () => void };

/**
 * Where everything that a simulated process does to the outside waits for its turn, so that a test decides what happens
 * in which order, and can end the process between any two acts.
 */
export class Turnstile {
  #waiting: Waiting[] = [];
  #isClosed = false;

  /** What waits, oldest first. */
  get waiting(): readonly string[] {
    return this.#waiting.map(({ what }) => what);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when it is let through; never once the process is dead. Rejects with `cut()` when the signal aborts. */
  pass(what: string, signal?: AbortSignal, cut?: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return;
      const waiting = {
        what,
        pass: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        if (this.#isClosed) return;
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        reject(cut!());
      };
      if (signal?.aborted) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiting);
    });
  }

  /** Lets one through and says what it is. There must be one. */
  letPass(index: number): string {
    const [waiting] = this.#waiting.splice(index % this.#waiting.length, 1);
    waiting!.pass();
    return waiting!.what;
  }

  /** Nothing passes any more. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
  }
}
