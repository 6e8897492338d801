import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { SecretType } from '@claviger/features/secrets';
import type { Judged } from './evaluation.policy.js';
import type { CopyState, PlaceState, PresentState } from './facts/secret-state.js';

/** A secret with all that is known of it now. */
export type LoadedSecret = Judged & { readonly version: number; readonly fingerprint: string | null };

type Row = {
  readonly id: string;
  readonly name: string;
  readonly type: SecretType;
  readonly owner: string | null;
  readonly labels: Record<string, string>;
  readonly is_disabled: boolean;
  readonly current_version: number;
  readonly current_fingerprint: string | null;
  readonly source_profile_id: string;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly rotation_interval_seconds: number | null;
  readonly rotation_due_at: Date | null;
  readonly facts: PresentState['content'];
  readonly has_drift: boolean;
  readonly version_created_at: Date | null;
  readonly approvers: number;
  readonly has_unreviewed: boolean;
  readonly copies: readonly CopyRow[] | null;
};
type CopyRow = {
  readonly profile: string;
  readonly status: string;
  readonly drift: boolean;
  readonly verified: string | null;
};

/**
 * $1 store id, $2 secret ids. Reads the tables of secrets, targets and approvals directly, for many secrets at once: their rooms give
 * them one by one. Each LATERAL is looked up by its key (ADR 40).
 */
const SELECT = `
  with unreviewed as (
    select distinct c.secret_id from approval a
    join change c on c.store_id = a.store_id and c.id = a.id
    where a.store_id = $1 and a.break_glass is not null and a.reviewed is null
  )
  select s.id, s.name, s.type, s.owner, s.labels, s.is_disabled, s.current_version, s.current_fingerprint,
    s.source_profile_id, s.created_at, s.expires_at, s.rotation_interval_seconds, s.rotation_due_at, s.facts,
    s.drift is not null as has_drift, v.created_at as version_created_at,
    (select count(*)::int from approval_vote w
     where w.store_id = $1 and w.approval_id = v.change_id and w.decision = 'approve') as approvers,
    s.id in (select secret_id from unreviewed) as has_unreviewed, t.copies
  from unnest($2::uuid[]) as wanted (id)
  cross join lateral (
    select * from secret where store_id = $1 and id = wanted.id and state in ('active', 'deleting') limit 1
  ) s
  left join lateral (
    select created_at, change_id from secret_version
    where store_id = $1 and secret_id = s.id and number = s.current_version order by revision limit 1
  ) v on true
  left join lateral (
    select jsonb_agg(jsonb_build_object('profile', profile_id, 'status', status, 'drift', drift is not null,
      'verified', verified_at)) as copies
    from sync_target where store_id = $1 and secret_id = s.id and desired_presence <> 'retained'
  ) t on true`;

type Place = PlaceState & { readonly isGated: boolean };

/** What is known of secrets now. */
@Injectable()
export class SecretStates {
  constructor(private readonly database: Database) {}

  /** Those that are live; how many other secrets share their value is left at 0. Two statements, however many they are. */
  async load(ctx: RequestContext, ids: readonly string[]): Promise<LoadedSecret[]> {
    const rows = (await this.database.manager(ctx).query(SELECT, [ctx.storeId, ids])) as Row[];
    const places = await this.places(ctx);
    return rows.map((row) => toLoaded(row, places));
  }

  /** Vault profiles as places, by their ids. */
  async places(ctx: RequestContext): Promise<ReadonlyMap<string, Place>> {
    const rows = (await this.database.manager(ctx).query(
      `select p.id, p.name as profile, i.kind, i.config ->> 'region' as region, p.approval_profile is not null as "isGated"
       from vault_profile p join vault_instance i on i.store_id = p.store_id and i.id = p.instance_id
       where p.store_id = $1`,
      [ctx.storeId],
    )) as (Place & { readonly id: string })[];
    return new Map(rows.map(({ id, ...place }) => [id, place]));
  }
}

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

function toLoaded(row: Row, places: ReadonlyMap<string, Place>): LoadedSecret {
  const copies = row.copies ?? [];
  const { isGated, ...source } = places.get(row.source_profile_id)!;
  const state: PresentState = {
    name: row.name,
    type: row.type,
    owner: row.owner,
    labels: row.labels,
    isDisabled: row.is_disabled,
    version: row.current_version,
    createdAt: row.created_at.toISOString(),
    versionCreatedAt: (row.version_created_at ?? row.created_at).toISOString(),
    expiresAt: iso(row.expires_at),
    rotationIntervalSeconds: row.rotation_interval_seconds,
    rotationDueAt: iso(row.rotation_due_at),
    content: row.facts,
    source,
    copies: copies.map((copy) => toCopy(copy, places)).sort((a, b) => (a.profile < b.profile ? -1 : 1)),
    hasDrift: row.has_drift || copies.some(({ drift }) => drift),
    reusedBy: 0,
    isGated,
    approvers: row.approvers,
    hasUnreviewedBreakGlass: row.has_unreviewed,
    verifiedAt: verifiedAt(row, copies),
  };
  return {
    secretId: row.id,
    vaultProfile: row.source_profile_id,
    version: row.current_version,
    fingerprint: row.current_fingerprint,
    state,
  };
}

function toCopy({ profile, status }: CopyRow, places: ReadonlyMap<string, Place>): CopyState {
  const { isGated: _, ...place } = places.get(profile)!;
  return { ...place, status };
}

/** One that never was verified counts from the secret's creation, so that it is not forgotten. */
function verifiedAt({ created_at: createdAt }: Row, copies: readonly CopyRow[]): string | null {
  const dates = copies.map(({ verified }) => (verified === null ? createdAt : new Date(verified)).toISOString());
  return dates.sort()[0] ?? null;
}
