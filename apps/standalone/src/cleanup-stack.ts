/** What must be undone, in order. */
export type Cleanup = { readonly name: string; readonly run: () => Promise<void> | void };

/**
 * Collects what a start has opened, and closes it in reverse order, each step even if the one before failed or took
 * longer than it may.
 */
export class CleanupStack {
  readonly #steps: (Cleanup & { readonly limitMs: number })[] = [];

  /** @param limitMs after which the next step goes ahead although this one has not ended */
  push(name: string, run: Cleanup['run'], limitMs = Infinity): void {
    this.#steps.push({ name, run, limitMs });
  }

  /** Closes everything and returns the names of the steps that failed or did not end in time. Nothing stays collected. */
  async run(): Promise<string[]> {
    const unfinished: string[] = [];
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      if (!(await endsWithin(step.run, step.limitMs))) unfinished.push(step.name);
    }
    return unfinished;
  }
}

async function endsWithin(run: Cleanup['run'], limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const ended = Promise.resolve()
    .then(run)
    .then(
      () => true,
      () => false,
    );
  if (limitMs === Infinity) return ended;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  return Promise.race([ended, late]).finally(() => clearTimeout(timer));
}
