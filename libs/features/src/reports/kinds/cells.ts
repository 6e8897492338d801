import type { Trend } from '../report-definition.js';

export const DAY_MS = 86_400_000;

/** A moment as a cell shows it. */
export const instant = (at: Date | null | undefined): string | null => at?.toISOString() ?? null;

/** Labels as a cell shows them: `name=value`, by name. */
export const labelList = (labels: Readonly<Record<string, string>>): readonly string[] =>
  Object.keys(labels)
    .sort()
    .map((name) => `${name}=${labels[name]!}`);

/** Most points of a trend. */
const POINTS = 31;

/** Counts moments of a period in at most 31 stretches of whole days, the last of which ends with the period. */
export class Buckets {
  readonly #starts: readonly number[];
  readonly #series = new Map<string, number[]>();

  constructor(
    from: Date,
    private readonly to: Date,
  ) {
    const days = Math.max(1, Math.ceil((to.getTime() - from.getTime()) / DAY_MS));
    const each = Math.ceil(days / POINTS) * DAY_MS;
    const count = Math.ceil((days * DAY_MS) / each);
    this.#starts = Array.from({ length: count }, (_, index) => to.getTime() - (count - index) * each);
  }

  /** Makes a series that is shown even if nothing is counted. */
  series(name: string): this {
    this.#of(name);
    return this;
  }

  add(name: string, at: Date): void {
    const ms = at.getTime();
    const index = this.#starts.findLastIndex((start) => ms >= start);
    if (index < 0 || ms > this.to.getTime()) return;
    this.#of(name)[index]! += 1;
  }

  trend(title: string): Trend {
    const labels = this.#starts.map((start) => new Date(start).toISOString().slice(0, 10));
    return { title, labels, series: [...this.#series].map(([name, values]) => ({ name, values })) };
  }

  #of(name: string): number[] {
    const known = this.#series.get(name) ?? this.#starts.map(() => 0);
    this.#series.set(name, known);
    return known;
  }
}
