type Flight<T> = { readonly result: Promise<T>; readonly controller: AbortController; waiting: number };

/**
 * One piece of work that concurrent callers share. It runs until it ends or until nobody waits for it any more: a caller
 * whose signal aborts leaves with that signal's reason, and the last one to leave aborts the work.
 */
export class SharedFlight<T> {
  #flying: Flight<T> | undefined;

  /** Joins the work under way, or starts it. @throws what the work throws, or the reason of the caller's signal */
  async join(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const flight = (this.#flying ??= this.#start(work));
    flight.waiting += 1;
    let leave = (): void => undefined;
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal.reason as Error);
      signal.addEventListener('abort', leave, { once: true });
    });
    try {
      return await Promise.race([flight.result, left]);
    } finally {
      signal.removeEventListener('abort', leave);
      flight.waiting -= 1;
      if (flight.waiting === 0 && this.#flying === flight) {
        this.#flying = undefined;
        flight.controller.abort(new Error('nobody waits any more'));
      }
    }
  }

  #start(work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const flight: Flight<T> = { result: work(controller.signal), controller, waiting: 0 };
    const land = (): void => {
      if (this.#flying === flight) this.#flying = undefined;
    };
    flight.result.then(land, land);
    return flight;
  }
}
