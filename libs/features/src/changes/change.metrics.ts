import { METRICS, type StateReading } from '@claviger/platform/metrics';
import { CHANGE_STATES, isEnded } from './change-state.js';

const OPEN_STATES = CHANGE_STATES.filter((state) => !isEnded(state));

/** What monitoring is told of changes. */
export const CHANGE_READINGS: readonly StateReading[] = [
  {
    gauge: METRICS.gauge({
      name: 'claviger_changes_open',
      help: 'Changes that have not ended, by their state.',
      labels: { state: OPEN_STATES },
    }),
    // Each state by itself: all but one have an index of their own, and those that have ended are many.
    sql: OPEN_STATES.map(
      (state) => `select '${state}' as state, count(*) as value from change where state = '${state}'`,
    ).join(' union all '),
  },
];
