import { METRICS, type StateReading } from '@claviger/platform/metrics';
import { TARGET_STATUSES } from './sync-target.entity.js';

/** What monitoring is told of replication. */
export const REPLICATION_READINGS: readonly StateReading[] = [
  {
    gauge: METRICS.gauge({
      name: 'claviger_targets',
      help: 'Copies of secrets by their status.',
      labels: { status: TARGET_STATUSES },
    }),
    sql: `
      select given.status, coalesce(found.count, 0) as value
      from unnest(array[${TARGET_STATUSES.map((status) => `'${status}'`).join(', ')}]) given (status)
      left join (select status, count(*) from sync_target group by status) found using (status)`,
  },
  {
    gauge: METRICS.gauge({
      name: 'claviger_target_overdue_seconds',
      help: 'How long the copy that should have been looked at first has been due.',
    }),
    sql: `
      select greatest(0, extract(epoch from now() - min(next_attempt_at))) as value
      from sync_target where next_attempt_at <= now() having count(*) > 0
      union all select 0 where not exists (select from sync_target where next_attempt_at <= now())`,
  },
];
