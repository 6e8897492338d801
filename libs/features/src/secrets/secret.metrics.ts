import { METRICS, type StateReading } from '@claviger/platform/metrics';
import { RECENT_DELETIONS, WINDOW_SECONDS } from './delete-fuse.js';
import { SECRET_STATES } from './secret.entity.js';

/** What monitoring is told of secrets. */
export const SECRET_READINGS: readonly StateReading[] = [
  {
    gauge: METRICS.gauge({
      name: 'claviger_secrets',
      help: 'Secrets by their state.',
      labels: { state: SECRET_STATES },
    }),
    sql: `select state, count(*) as value from secret group by state`,
  },
  {
    gauge: METRICS.gauge({
      name: 'claviger_deletions_recent',
      help: 'Most deletions of one store that the delete fuse counts now.',
    }),
    sql: `
      select coalesce(max(deleted), 0) as value from (
        select count(*) as deleted from change
        where updated_at > now() - make_interval(secs => ${WINDOW_SECONDS}) and ${RECENT_DELETIONS} group by store_id
      ) stores`,
  },
  {
    gauge: METRICS.gauge({
      name: 'claviger_delete_fuses_lifted',
      help: 'Stores whose delete fuse lets everything through.',
    }),
    sql: `select count(*) as value from delete_fuse where lifted_until > now()`,
  },
];
