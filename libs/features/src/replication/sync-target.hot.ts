import { arrayParameters, unnestSql, type ArrayColumn, type NamedStatement } from '@claviger/platform/database';
import { CURRENT_EPOCH, IS_ACCEPTED_DATABASE } from './database-epoch.sql.js';

/** The wish to work on the due targets of one secret. */
export type HotClaim = {
  readonly storeId: string;
  readonly secretId: string;
  readonly owner: string;
  readonly now: Date;
  readonly until: Date;
  readonly lateUntil: Date;
};

const CLAIM_COLUMNS: readonly ArrayColumn<HotClaim>[] = [
  { name: 'store_id', type: 'uuid', value: (claim) => claim.storeId },
  { name: 'secret_id', type: 'uuid', value: (claim) => claim.secretId },
  { name: 'owner', type: 'text', value: (claim) => claim.owner },
  { name: 'now', type: 'timestamptz', value: (claim) => claim.now.toISOString() },
  { name: 'until', type: 'timestamptz', value: (claim) => claim.until.toISOString() },
  { name: 'late_until', type: 'timestamptz', value: (claim) => claim.lateUntil.toISOString() },
];

/** The parameters of {@link CLAIM_TARGETS}. */
export function claimParameters(claims: readonly HotClaim[]): Buffer[] {
  return arrayParameters(CLAIM_COLUMNS, claims);
}

/**
 * Takes the due targets of secrets, each secret at most once in the parameters, that nobody else is working on. A row for
 * each target taken, with the database's present life as `epoch`.
 *
 * The sum keeps the planner from looking for due targets by their time: all that are due instead of those of one secret.
 * `is not distinct from`, which no index serves, keeps it from going by the profile: through all targets of that, which it
 * takes for few as long as the table was never analysed.
 */
export const CLAIM_TARGETS: NamedStatement = {
  name: 'replication_claim_targets',
  text: `
    with given as materialized (
      select ${unnestSql(CLAIM_COLUMNS)}
    ), due as materialized (
      select g.owner, g.until, g.late_until, s.*
      from given g cross join lateral (
        select store_id, secret_id, profile_id from sync_target
        where store_id = g.store_id and secret_id = g.secret_id and next_attempt_at + interval '0' <= g.now
          and (lease_until is null or lease_until < g.now) and ${IS_ACCEPTED_DATABASE}
        for update skip locked
      ) s
    )
    update sync_target t set lease_owner = d.owner, lease_until = d.until,
      attempts = case when t.lease_owner is null then t.attempts else t.attempts + 1 end,
      unsettled_until = case when t.lease_owner is null then t.unsettled_until else d.late_until end
    from due d where t.store_id = d.store_id and t.secret_id = d.secret_id and t.profile_id is not distinct from d.profile_id
    returning t.*, ${CURRENT_EPOCH} as epoch`,
};

/** What came of a claimed target; the changes are JSON objects of column names and values. */
export type HotSettlement = {
  readonly storeId: string;
  readonly secretId: string;
  readonly profileId: string;
  readonly leaseOwner: string;
  readonly generation: string;
  /** What to store whatever is desired by now. */
  readonly facts: string;
  /** What to store while the same is desired as when it was claimed. */
  readonly all: string;
  /** What to tell then; null for nothing. */
  readonly news: { readonly id: string; readonly type: string; readonly facts: string } | null;
};

const SETTLEMENT_COLUMNS: readonly ArrayColumn<HotSettlement>[] = [
  { name: 'store_id', type: 'uuid', value: (settlement) => settlement.storeId },
  { name: 'secret_id', type: 'uuid', value: (settlement) => settlement.secretId },
  { name: 'profile_id', type: 'uuid', value: (settlement) => settlement.profileId },
  { name: 'lease_owner', type: 'text', value: (settlement) => settlement.leaseOwner },
  { name: 'generation', type: 'text', value: (settlement) => settlement.generation },
  { name: 'facts', type: 'jsonb', value: (settlement) => settlement.facts },
  { name: 'everything', type: 'jsonb', value: (settlement) => settlement.all },
  { name: 'news_id', type: 'uuid', value: ({ news }) => news?.id ?? null },
  { name: 'news_type', type: 'text', value: ({ news }) => news?.type ?? null },
  { name: 'news_facts', type: 'jsonb', value: ({ news }) => news?.facts ?? null },
];

/** The parameters of {@link SETTLE_TARGETS}. */
export function settlementParameters(settlements: readonly HotSettlement[]): Buffer[] {
  return arrayParameters(SETTLEMENT_COLUMNS, settlements);
}

/** What an attempt may change at its target, beside giving the lease back. */
const SETTLED = [
  'observed_version',
  'observed_fingerprint',
  'observed_presence',
  'observed_backend_version',
  'ownership',
  'status',
  'error_code',
  'error_cause',
  'error_action',
  'attempts',
  'next_attempt_at',
  'priority',
  'unsettled_until',
  'drift',
  'overwritten',
  'told',
  'is_look_due',
  'is_repair_requested',
  'verified_epoch',
  'verified_at',
  'verified_how',
  'next_verify_at',
  'synced_at',
];

/**
 * Stores what came of claims, gives the leases back, and tells what is news. A row for each that was still held; `is_settled` when the same is
 * desired as when it was claimed. By secret and not by profile, as in {@link CLAIM_TARGETS}.
 */
export const SETTLE_TARGETS: NamedStatement = {
  name: 'replication_settle_targets',
  text: `
    with given as materialized (
      select ${unnestSql(SETTLEMENT_COLUMNS)}
    ), settled as (
      update sync_target t set (${SETTLED.join(', ')}) = (
          select ${SETTLED.map((column) => `r.${column}`).join(', ')}
          from jsonb_populate_record(t, case when t.generation = g.generation::bigint then g.everything else g.facts end) r
        ),
        lease_owner = null, lease_until = null, updated_at = now()
      from given g
      where t.store_id = g.store_id and t.secret_id = g.secret_id and t.profile_id is not distinct from g.profile_id
        and t.lease_owner = g.lease_owner
      returning t.store_id, t.secret_id, t.profile_id, t.generation = g.generation::bigint as is_settled,
        g.news_id, g.news_type, g.news_facts
    ), told as (
      insert into event (store_id, id, type, subject_id, facts)
      select s.store_id, s.news_id, s.news_type, s.secret_id, s.news_facts || jsonb_build_object('profile', (
          select p.name from vault_profile p where p.store_id = s.store_id and p.id = s.profile_id
        ))
      from settled s where s.is_settled and s.news_id is not null
    )
    select secret_id, is_settled from settled`,
};
