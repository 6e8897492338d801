import { MetricFamily, sampleLine, type LabelDeclarations, type MetricOptions } from './metric-family.js';

/** A time series that only grows. */
export class CounterSeries {
  value = 0;

  add(count = 1): void {
    this.value += count;
  }
}

/** A time series that goes up and down. */
export class GaugeSeries {
  value = 0;

  set(value: number): void {
    this.value = value;
  }
}

/** How often, and how large altogether, observations were, by upper limits. */
export class HistogramSeries {
  /** One for each limit, not cumulative, and one for what is above all of them. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(private readonly limits: readonly number[]) {
    this.counts = new Float64Array(limits.length + 1);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.limits.length && value > this.limits[index]!) index += 1;
    this.counts[index]! += 1;
    this.sum += value;
  }
}

export class Counter<L extends LabelDeclarations = LabelDeclarations> extends MetricFamily<L, CounterSeries> {
  readonly type = 'counter';

  protected newSeries(): CounterSeries {
    return new CounterSeries();
  }

  protected renderSeries(labels: string, { value }: CounterSeries): string {
    return sampleLine(this.name, labels, value);
  }
}

export class Gauge<L extends LabelDeclarations = LabelDeclarations> extends MetricFamily<L, GaugeSeries> {
  readonly type = 'gauge';

  protected newSeries(): GaugeSeries {
    return new GaugeSeries();
  }

  protected renderSeries(labels: string, { value }: GaugeSeries): string {
    return sampleLine(this.name, labels, value);
  }
}

export class Histogram<L extends LabelDeclarations = LabelDeclarations> extends MetricFamily<L, HistogramSeries> {
  readonly type = 'histogram';

  constructor(private readonly histogram: MetricOptions<L> & { readonly limits: readonly number[] }) {
    super(histogram);
  }

  protected newSeries(): HistogramSeries {
    return new HistogramSeries(this.histogram.limits);
  }

  protected renderSeries(labels: string, { counts, sum }: HistogramSeries): string {
    const { limits } = this.histogram;
    const separator = labels === '' ? '' : ',';
    let count = 0;
    const buckets = [...counts].map((inBucket, index) => {
      count += inBucket;
      const limit = index < limits.length ? String(limits[index]) : '+Inf';
      return sampleLine(`${this.name}_bucket`, `${labels}${separator}le="${limit}"`, count);
    });
    return [
      ...buckets,
      sampleLine(`${this.name}_sum`, labels, sum),
      sampleLine(`${this.name}_count`, labels, count),
    ].join('');
  }
}
