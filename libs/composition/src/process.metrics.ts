import { METRICS, type StateReading } from '@claviger/platform/metrics';
import type { ProcessKind } from '@claviger/platform/telemetry';
import { PRODUCT_VERSION } from './product-version.js';

const KINDS: readonly ProcessKind[] = ['api', 'worker', 'standalone', 'cli'];

export const BUILD_INFO = METRICS.gauge({
  name: 'claviger_build_info',
  help: 'Always 1; what the process is and of which version.',
  labels: { process: KINDS, version: [PRODUCT_VERSION] },
});

export const POOL_CONNECTIONS = METRICS.gauge({
  name: 'claviger_database_connections',
  help: 'Connections of this process to PostgreSQL, the queue not counted: in use, idle, and the most there may be.',
  labels: { state: ['used', 'idle', 'max'] },
});

export const POOL_WAITING = METRICS.gauge({
  name: 'claviger_database_waiting',
  help: 'Requests of this process that wait for a connection to PostgreSQL.',
});

/** What monitoring is told of the installation as a whole. */
export const PROCESS_READINGS: readonly StateReading[] = [
  {
    gauge: METRICS.gauge({
      name: 'claviger_processes',
      help: 'Processes that are alive, by what they are.',
      labels: { process: KINDS },
    }),
    sql: `
      select kind as process, count(*) as value from process_heartbeat
      where seen_at > now() - interval '15 seconds' group by kind`,
  },
];
