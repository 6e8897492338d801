/** What a label says when it is given a value outside its set. */
export const OTHER = 'other';

const VALUE = /^[\w.:+-]{1,120}$/;
/** Of one label. A family multiplies them, and each product is a time series in somebody's memory. */
const MAX_VALUES = 1_000;

/**
 * The values that a label may have: each is declared before it is used, by code and never by input. So a metric cannot grow
 * without bound, whatever is asked of a process, and no name or id becomes a time series.
 */
export class LabelSet {
  readonly #values = new Set<string>();

  constructor(values: readonly string[] = []) {
    this.declare(...values);
  }

  /** Adds values; known ones may come again. @throws RangeError for one that is no short word, and for too many */
  declare(...values: readonly string[]): void {
    for (const value of values) {
      if (!VALUE.test(value)) throw new RangeError('A label value must be a short word.');
      this.#values.add(value);
    }
    if (this.#values.size > MAX_VALUES) throw new RangeError(`A label must have at most ${MAX_VALUES} values.`);
  }

  /** The value itself when it was declared, else {@link OTHER}. */
  fit(value: string): string {
    return this.#values.has(value) ? value : OTHER;
  }

  values(): readonly string[] {
    return [...this.#values];
  }
}
