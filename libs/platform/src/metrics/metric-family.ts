import { LabelSet } from './label-set.js';

/** What a metric's labels may say, by their names: a fixed list, or a set that is declared as the process is put together. */
export type LabelDeclarations = Readonly<Record<string, readonly string[] | LabelSet>>;
export type LabelsOf<L extends LabelDeclarations> = { readonly [K in keyof L]: string };

export type MetricOptions<L extends LabelDeclarations> = {
  /** `claviger_<what>_<unit>`; that of a counter ends with `_total`. */
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  readonly labels?: L;
};

export type MetricType = 'counter' | 'gauge' | 'histogram';

const NAME = /^[a-z][a-z0-9_]{2,79}$/;

/** One metric with its time series. */
export abstract class MetricFamily<L extends LabelDeclarations = LabelDeclarations, C = unknown> {
  abstract readonly type: MetricType;
  readonly name: string;
  readonly help: string;
  readonly #labels: readonly (readonly [name: string, values: LabelSet])[];
  readonly #series = new Map<string, C>();

  constructor({ name, help, labels }: MetricOptions<L>) {
    if (!NAME.test(name)) throw new RangeError(`${name} is no name for a metric.`);
    if (/[\n\\]/.test(help) || !help.endsWith('.')) throw new RangeError(`The help of ${name} must be one sentence.`);
    this.name = name;
    this.help = help;
    this.#labels = Object.entries(labels ?? {}).map(([label, values]) => [
      label,
      values instanceof LabelSet ? values : new LabelSet(values),
    ]);
  }

  /**
   * The time series with these labels. Where it is needed often it is asked for once and kept: it stays the same until
   * {@link clear}.
   */
  of(labels: LabelsOf<L>): C {
    const text = this.#labels.map(([name, set]) => `${name}="${set.fit(labels[name] ?? '')}"`).join(',');
    let series = this.#series.get(text);
    if (series === undefined) {
      series = this.newSeries();
      this.#series.set(text, series);
    }
    return series;
  }

  /** Forgets every time series: for what is read anew as a whole. */
  clear(): void {
    this.#series.clear();
  }

  /** The names of its labels with the values that each may have, {@link OTHER} besides. */
  declarations(): ReadonlyMap<string, readonly string[]> {
    return new Map(this.#labels.map(([name, set]) => [name, set.values()]));
  }

  /** The family in Prometheus' text format, version 0.0.4. */
  render(): string {
    const lines = [...this.#series].map(([labels, series]) => this.renderSeries(labels, series));
    return `# HELP ${this.name} ${this.help}\n# TYPE ${this.name} ${this.type}\n${lines.join('')}`;
  }

  protected abstract newSeries(): C;
  protected abstract renderSeries(labels: string, series: C): string;
}

/** A line of the text format. */
export function sampleLine(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${Number.isFinite(value) ? value : value > 0 ? '+Inf' : 'NaN'}\n`;
}
