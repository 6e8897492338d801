export { openOtlpTracer, type OtlpOptions } from './otlp-tracer.js';
export * from './tracing.js';
