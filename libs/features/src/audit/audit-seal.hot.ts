import type { NamedStatement } from '@claviger/platform/database';

/** The smallest position: before every batch of an epoch. */
export const BEFORE_ALL = { tx: '-1', id: '00000000-0000-0000-0000-000000000000' } as const;

// Transactions below the snapshot's xmin have all ended: nothing can appear among them any more.
const XMIN = 'pg_snapshot_xmin(pg_current_snapshot())::text::bigint';

/**
 * Stores with batches that can be sealed, or all, and the epoch. `(all) → {store_id, epoch}`
 *
 * The order makes the planner take the index, whatever it believes of the table: mostly there is nothing to be found, and to
 * find that out without the index it would read the whole log.
 */
export const STORES_TO_SEAL: NamedStatement = {
  name: 'audit_stores_to_seal',
  text: `
    with cluster as materialized (select system_identifier as epoch from pg_control_system())
    select store.id as store_id, cluster.epoch
    from store cross join cluster
    left join lateral (
      select epoch, watermark_tx, watermark_id from audit_seal where store_id = store.id order by number desc limit 1
    ) last on true
    left join lateral (
      select e.tx from audit_batch e
      where e.store_id = store.id and e.epoch = cluster.epoch and (e.tx, e.id) > (last.watermark_tx, last.watermark_id)
      order by e.store_id, e.epoch, e.tx, e.id limit 1
    ) next on true
    where $1 or last.epoch is distinct from cluster.epoch or next.tx < ${XMIN}`,
};

/** Epochs that a store has batches of, smallest (oldest cluster) first, by hops through the index. `(store) → {epoch}` */
export const EPOCHS: NamedStatement = {
  name: 'audit_epochs',
  text: `
    with recursive hop as (
      select min(epoch) as epoch from audit_batch where store_id = $1
      union all
      select (select min(epoch) from audit_batch where store_id = $1 and epoch > hop.epoch) from hop where epoch is not null
    )
    select epoch from hop where epoch is not null`,
};

/**
 * The next leaves, one after another, and where they end.
 * `(store, epoch, after tx, after id, whether the epoch is over, at most) → {count, leaves, tx, id}`
 */
export const NEXT_LEAVES: NamedStatement = {
  name: 'audit_next_leaves',
  text: `
    with fresh as materialized (
      select tx, id, int8send(epoch) || int8send(tx) || digest || mac as leaf
      from audit_batch
      where store_id = $1 and epoch = $2 and (tx, id) > ($3::bigint, $4::uuid) and ($5 or tx < ${XMIN})
      order by tx, id limit $6
    )
    select count(*)::integer as count, string_agg(fresh.leaf, ''::bytea order by fresh.tx, fresh.id) as leaves, last.tx, last.id
    from fresh cross join (select tx, id from fresh order by tx desc, id desc limit 1) last
    group by last.tx, last.id`,
};
