import { LabelSet, METRICS, type CounterSeries, type HistogramSeries } from '@claviger/platform/metrics';
import { ADAPTER_OPERATIONS, VAULT_ERROR_CODES } from '@claviger/vaults/contract';
import type { BreakerStatus, Observer } from '@claviger/vaults/wrappers';

/** The kinds of vault of this installation. */
export const KINDS = new LabelSet();

const operations = Object.keys(ADAPTER_OPERATIONS);
const BREAKER_STATES: readonly BreakerStatus['state'][] = ['closed', 'open', 'half_open'];

const CALLS = METRICS.counter({
  name: 'claviger_vault_calls_total',
  help: 'Calls of outside vaults, repetitions not counted, by what came of them.',
  labels: { kind: KINDS, operation: operations, outcome: ['ok', ...Object.keys(VAULT_ERROR_CODES)] },
});
const CALL_SECONDS = METRICS.histogram({
  name: 'claviger_vault_call_seconds',
  help: 'Duration of calls of outside vaults, waiting and repetitions included.',
  labels: { kind: KINDS, operation: operations },
});
const BREAKERS = METRICS.gauge({
  name: 'claviger_vault_breakers',
  help: 'Connected vault instances by the state of their circuit breaker.',
  labels: { kind: KINDS, state: BREAKER_STATES },
});

/** Counts the calls of adapters. */
export function countCalls(): Observer {
  const calls = new Map<string, CounterSeries>();
  const seconds = new Map<string, HistogramSeries>();
  return ({ kind, operation, outcome, durationMs }) => {
    remembered(calls, `${kind} ${operation} ${outcome}`, () => CALLS.of({ kind, operation, outcome })).add();
    remembered(seconds, `${kind} ${operation}`, () => CALL_SECONDS.of({ kind, operation })).observe(durationMs / 1_000);
  };
}

/** Tells the state of each breaker that is in use. */
export function tellBreakers(
  breakers: Iterable<{ readonly kind: string; readonly state: BreakerStatus['state'] }>,
): void {
  BREAKERS.clear();
  for (const kind of KINDS.values()) for (const state of BREAKER_STATES) BREAKERS.of({ kind, state });
  for (const { kind, state } of breakers) {
    const series = BREAKERS.of({ kind, state });
    series.set(series.value + 1);
  }
}

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  let found = known.get(key);
  if (found === undefined) {
    found = make();
    known.set(key, found);
  }
  return found;
}
