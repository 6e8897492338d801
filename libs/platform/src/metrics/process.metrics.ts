import { monitorEventLoopDelay } from 'node:perf_hooks';
import { METRICS } from './metric-registry.js';

const NS = 1e-9;

const CPU = METRICS.counter({
  name: 'process_cpu_seconds_total',
  help: 'Processor time used by the process, in seconds.',
});
const MEMORY = METRICS.gauge({
  name: 'process_resident_memory_bytes',
  help: 'Memory that the process has of the machine.',
});
const STARTED = METRICS.gauge({
  name: 'process_start_time_seconds',
  help: 'When the process was started, in seconds since 1970.',
});
const HEAP = METRICS.gauge({ name: 'nodejs_heap_used_bytes', help: 'Memory that JavaScript objects use.' });
const LAG = METRICS.gauge({
  name: 'nodejs_eventloop_lag_seconds',
  help: 'How late timers ran since the metrics were told last: the 99th percentile, and the most.',
  labels: { quantile: ['0.99', '1'] },
});

/**
 * Measures the process itself, from now on.
 * @returns a function that ends it
 */
export function measureProcess(): () => void {
  // The resolution is subtracted: a timer of 20 ms that is on time shows 20 ms.
  const resolution = 20;
  const delay = monitorEventLoopDelay({ resolution });
  delay.enable();
  const late = (ns: number): number => Math.max(0, ns * NS - resolution / 1_000);
  STARTED.of({}).set(Date.now() / 1_000 - process.uptime());
  const end = METRICS.beforeTelling(() => {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    CPU.of({}).value = (user + system) / 1e6;
    MEMORY.of({}).set(rss);
    HEAP.of({}).set(heapUsed);
    if (delay.count === 0) return;
    LAG.of({ quantile: '0.99' }).set(late(delay.percentile(99)));
    LAG.of({ quantile: '1' }).set(late(delay.max));
    delay.reset();
  });
  return () => {
    end();
    delay.disable();
  };
}
