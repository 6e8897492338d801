import type { LabelDeclarations, MetricFamily, MetricOptions } from './metric-family.js';
import { Counter, Gauge, Histogram } from './metric-types.js';

/** Of answers and calls, in seconds: from a read out of memory to a vault that is waited for. */
export const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

/** Brings gauges up to date before they are told. Must not reject, and not take long. */
export type Collector = () => void | Promise<void>;

/** The metrics of a process. */
export class MetricRegistry {
  readonly #families = new Map<string, MetricFamily>();
  readonly #collectors = new Set<Collector>();

  counter<const L extends LabelDeclarations = Record<never, never>>(options: MetricOptions<L>): Counter<L> {
    if (!options.name.endsWith('_total')) throw new RangeError(`The counter ${options.name} must end with _total.`);
    return this.#add(new Counter<L>(options));
  }

  gauge<const L extends LabelDeclarations = Record<never, never>>(options: MetricOptions<L>): Gauge<L> {
    return this.#add(new Gauge<L>(options));
  }

  /** @param options `limits` are the buckets' upper limits, smallest first; {@link SECONDS} unless given */
  histogram<const L extends LabelDeclarations = Record<never, never>>({
    limits = SECONDS,
    ...options
  }: MetricOptions<L> & { readonly limits?: readonly number[] }): Histogram<L> {
    return this.#add(new Histogram<L>({ ...options, limits }));
  }

  /** @returns a function that ends it */
  beforeTelling(collector: Collector): () => void {
    this.#collectors.add(collector);
    return () => void this.#collectors.delete(collector);
  }

  families(): readonly MetricFamily[] {
    return [...this.#families.values()];
  }

  /** All metrics in Prometheus' text format. */
  async render(): Promise<string> {
    await Promise.all([...this.#collectors].map(async (collect) => collect()));
    return this.families()
      .map((family) => family.render())
      .join('');
  }

  #add<F extends MetricFamily<never>>(family: F): F {
    if (this.#families.has(family.name)) throw new RangeError(`The metric ${family.name} is defined twice.`);
    this.#families.set(family.name, family as unknown as MetricFamily);
    // What can happen is told from the beginning, so that its first time shows as a rise.
    if (family.type !== 'gauge' && family.declarations().size === 0) (family as unknown as MetricFamily).of({});
    return family;
  }
}

/** Prometheus' text format. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * The metrics of this process. They are defined as constants beside what they measure (`<noun>.metrics.ts`), so that nothing
 * has to be handed to whoever counts.
 */
export const METRICS = new MetricRegistry();
