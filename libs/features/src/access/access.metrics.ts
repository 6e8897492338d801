import { METRICS } from '@claviger/platform/metrics';

const LOOKUPS = METRICS.counter({
  name: 'claviger_token_lookups_total',
  help: 'Tokens that were looked up, by where they were found or not.',
  labels: { from: ['memory', 'database'] },
});

export const FROM_MEMORY = LOOKUPS.of({ from: 'memory' });
export const FROM_DATABASE = LOOKUPS.of({ from: 'database' });

/** How many tokens this process remembers. */
export const TOKENS_KNOWN = METRICS.gauge({
  name: 'claviger_token_cache_entries',
  help: 'Tokens in the memory of the process.',
});
