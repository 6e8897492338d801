import type { TraceParent } from '@claviger/kernel';
import type { SpanKind, Tracer } from './tracing.js';

export type OtlpOptions = {
  /** Of an OpenTelemetry collector, for traces over HTTP: `http://collector:4318/v1/traces`. */
  readonly endpoint: string;
  /** Share of traces that begin here and are told, from 0 to 1; those that were begun elsewhere go on as they were. */
  readonly ratio: number;
  readonly process: string;
  readonly version: string;
};

/** Also how long a process that stops waits for a collector that does not answer. */
const TIMEOUT_MS = 5_000;
const QUEUE = {
  maxQueueSize: 4_096,
  maxExportBatchSize: 512,
  scheduledDelayMillis: 2_000,
  exportTimeoutMillis: 10_000,
};

/** Tells traces to an OpenTelemetry collector, in batches and beside the work. What cannot be told is dropped. */
export async function openOtlpTracer(
  options: OtlpOptions,
): Promise<{ readonly tracer: Tracer; close(): Promise<void> }> {
  // Loaded by those who want traces only.
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const kinds: Readonly<Record<SpanKind, number>> = {
    server: api.SpanKind.SERVER,
    client: api.SpanKind.CLIENT,
    consumer: api.SpanKind.CONSUMER,
    internal: api.SpanKind.INTERNAL,
  };
  const provider = new sdk.BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'claviger',
      'service.version': options.version,
      'claviger.process': options.process,
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(options.ratio) }),
    spanProcessors: [
      new sdk.BatchSpanProcessor(new OTLPTraceExporter({ url: options.endpoint, timeoutMillis: TIMEOUT_MS }), QUEUE),
    ],
  });
  const otel = provider.getTracer('claviger');
  const placeOf = ({ traceId, spanId, isSampled }: TraceParent) => {
    const traceFlags = isSampled ? api.TraceFlags.SAMPLED : api.TraceFlags.NONE;
    return { traceId, spanId, traceFlags, isRemote: true };
  };
  const contextOf = (parent: TraceParent | undefined) =>
    parent === undefined ? api.ROOT_CONTEXT : api.trace.setSpanContext(api.ROOT_CONTEXT, placeOf(parent));
  const tracer: Tracer = {
    start: ({ name, kind, parent, links = [], attributes = {} }) => {
      const linked = links.map((link) => ({ context: placeOf(link) }));
      const span = otel.startSpan(name, { kind: kinds[kind], attributes, links: linked }, contextOf(parent));
      const { traceId, spanId, traceFlags } = span.spanContext();
      return {
        trace: { traceId, spanId, isSampled: (traceFlags & api.TraceFlags.SAMPLED) !== 0 },
        end: ({ errorCode, attributes: more = {} } = {}) => {
          span.setAttributes(more);
          // No message: a code says what happened, and an error's text may quote what it was about.
          if (errorCode !== undefined)
            span.setAttribute('error.type', errorCode).setStatus({ code: api.SpanStatusCode.ERROR });
          span.end();
        },
      };
    },
  };
  return { tracer, close: () => provider.shutdown() };
}
