export { LabelSet, OTHER } from './label-set.js';
export type { LabelDeclarations, LabelsOf, MetricFamily } from './metric-family.js';
export { METRICS, METRICS_CONTENT_TYPE, MetricRegistry, SECONDS } from './metric-registry.js';
export type { Counter, CounterSeries, Gauge, GaugeSeries, Histogram, HistogramSeries } from './metric-types.js';
export { measureProcess } from './process.metrics.js';
export { StateReader, type StateReading } from './state-reader.js';
