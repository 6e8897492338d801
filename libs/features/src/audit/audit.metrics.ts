import { METRICS, type StateReading } from '@claviger/platform/metrics';

/** Entries that were committed together. */
export const BATCH_ENTRIES = METRICS.histogram({
  name: 'claviger_audit_batch_entries',
  help: 'Audit entries of reads and refusals that were committed together.',
  limits: [1, 2, 5, 10, 25, 50, 100, 250, 500],
}).of({});

/** How long a commit of them took. */
export const COMMIT_SECONDS = METRICS.histogram({
  name: 'claviger_audit_commit_seconds',
  help: 'Time to make a batch of audit entries durable.',
}).of({});

/** Commits after which a request was refused, because what it did could not be recorded. */
export const COMMITS_FAILED = METRICS.counter({
  name: 'claviger_audit_commits_failed_total',
  help: 'Batches of audit entries that could not be stored; their requests were answered 503.',
}).of({});

/** Passes of the sealer that failed. */
export const SEALINGS_FAILED = METRICS.counter({
  name: 'claviger_audit_sealings_failed_total',
  help: 'Passes of the sealer that failed.',
}).of({});

/** What monitoring is told of the audit log. */
export const AUDIT_READINGS: readonly StateReading[] = [
  {
    gauge: METRICS.gauge({
      name: 'claviger_audit_unsealed_seconds',
      help: 'Age of the oldest audit entry under no seal, over all stores; 0 when everything is sealed.',
    }),
    // A batch's id begins with its time in milliseconds (RFC 9562, version 7).
    sql: `
      with cluster as materialized (select system_identifier as epoch from pg_control_system()),
      next as (
        select next.id from store cross join cluster
        left join lateral (
          select epoch, watermark_tx, watermark_id from audit_seal where store_id = store.id order by number desc limit 1
        ) last on true
        cross join lateral (
          select e.id from audit_batch e
          where e.store_id = store.id and e.epoch = cluster.epoch and (last.epoch is distinct from cluster.epoch
            or (e.tx, e.id) > (last.watermark_tx, last.watermark_id))
          order by e.store_id, e.epoch, e.tx, e.id limit 1
        ) next
      )
      select coalesce(max(greatest(0, extract(epoch from now())
        - ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0)), 0) as value from next`,
  },
];
