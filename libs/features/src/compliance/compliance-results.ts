import { Inject, Injectable } from '@nestjs/common';
import { AccessService } from '@claviger/features/access';
import type { Requester } from '@claviger/features/changes';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { momentInFuture } from './compliance.errors.js';
import { resultConditions, type ResultFilter } from './result-query.js';
import type { Mode, Outcome, Severity } from './rule.js';

/** What one rule finds in one secret at a moment. */
export type ComplianceResult = {
  readonly secretId: string;
  readonly secret: string;
  readonly type: string;
  /** Name of the source profile. */
  readonly vaultProfile: string;
  readonly owner: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: number;
  readonly profileId: string;
  readonly profile: string;
  readonly profileVersion: number;
  readonly rule: string;
  readonly title: string;
  readonly severity: Severity;
  readonly mode: Mode;
  readonly remediation: string;
  readonly outcome: Outcome;
  /** Since when this version of the secret has had it from this version of the profile. */
  readonly since: Date;
  /** What excuses it at that moment. */
  readonly waiver: {
    readonly id: string;
    readonly reason: string;
    readonly until: string;
    readonly requestedBy: Requester;
  } | null;
};

export type ResultQuery = ResultFilter & {
  /** The moment; now unless given. */
  readonly asOf?: Date;
  readonly limit: number;
  /** The last one seen. */
  readonly after?: { readonly secretId: string; readonly profileId: string; readonly rule: string };
};

export const STATUS_KEYS = ['secret', 'vaultProfile', 'owner'] as const;
export type StatusKey = (typeof STATUS_KEYS)[number];

export type StatusQuery = Omit<ResultFilter, 'outcome' | 'isWaived'> & {
  readonly asOf?: Date;
  readonly by: StatusKey;
  readonly limit: number;
  readonly after?: string;
};

/** How some secrets stand at a moment. */
export type ComplianceStatus = {
  /** Id of the secret or vault profile, or the owner; empty for secrets of nobody. */
  readonly key: string;
  readonly name: string;
  readonly secrets: number;
  /** Of them, those that a profile judges. */
  readonly judged: number;
  /** Of those, the ones that break no rule but by a waiver. */
  readonly compliant: number;
  /** Broken rules that no waiver excuses, by severity. */
  readonly broken: Readonly<Record<Severity, number>>;
  readonly waived: number;
};

const KEYS: Readonly<Record<StatusKey, { readonly key: string; readonly name: string }>> = {
  secret: { key: 's.secret_id::text', name: 'min(s.name)' },
  vaultProfile: { key: 's.source_profile_id::text', name: 'min(v.name)' },
  owner: { key: `coalesce(s.owner, '')`, name: `coalesce(min(s.owner), '')` },
};

/** True of a row whose interval holds the moment $2. */
const at = (alias: string): string => `${alias}.from_at <= $2 and (${alias}.to_at is null or ${alias}.to_at > $2)`;

/** The waiver in force at the moment, of what a finding or result is about. */
const WAIVER = `left join lateral (
    select w.id, w.reason, w.until_at, w.requested_by from compliance_waiver w
    where w.store_id = $1 and w.secret_id = e.secret_id and w.profile_id = e.profile_id and w.rule_id = r.rule ->> 'id'
      and w.from_at <= $2 and w.until_at > $2 and (w.ended_at is null or w.ended_at > $2)
    limit 1
  ) w on true`;

/** What rules find, now and at any past moment. */
@Injectable()
export class ComplianceResults {
  constructor(
    private readonly database: Database,
    private readonly access: AccessService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** By secret, profile and rule; broken ones unless asked otherwise. @throws AppError ACCESS_DENIED, MOMENT_IN_FUTURE */
  async list(ctx: RequestContext, { asOf, limit, after, ...filter }: ResultQuery): Promise<ComplianceResult[]> {
    this.access.authorize(ctx, 'claviger/compliance/results', 'read');
    const { where, values } = resultConditions({ outcome: 'broken', ...filter }, [ctx.storeId, this.#moment(asOf)]);
    if (after) {
      values.push(after.secretId, after.profileId, after.rule);
      const n = values.length;
      where.push(`(e.secret_id, e.profile_id, r.rule ->> 'id') > ($${n - 2}::uuid, $${n - 1}::uuid, $${n})`);
    }
    values.push(limit);
    return (await this.database.manager(ctx).query(
      `select e.secret_id as "secretId", s.name as secret, s.type, v.name as "vaultProfile", s.owner, s.labels, e.version,
         e.profile_id as "profileId", p.name as profile, e.profile_version as "profileVersion", r.rule ->> 'id' as rule,
         r.rule ->> 'title' as title, r.rule ->> 'severity' as severity, r.rule ->> 'mode' as mode,
         r.rule ->> 'remediation' as remediation, o.outcome, coalesce(f.from_at, e.from_at) as since,
         case when w.id is not null then jsonb_build_object('id', w.id, 'reason', w.reason, 'until', to_char(w.until_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'requestedBy', w.requested_by) end as waiver
       ${FROM}
       where ${where.join(' and ')}
       order by e.secret_id, e.profile_id, r.rule ->> 'id' limit $${values.length}`,
      values,
    )) as ComplianceResult[];
  }

  /** Counts by secret, vault profile or owner, by key. @throws AppError ACCESS_DENIED, MOMENT_IN_FUTURE */
  async status(ctx: RequestContext, { asOf, by, limit, after, ...filter }: StatusQuery): Promise<ComplianceStatus[]> {
    this.access.authorize(ctx, 'claviger/compliance/status', 'read');
    const { key, name } = KEYS[by];
    const { where, values } = resultConditions(filter, [ctx.storeId, this.#moment(asOf)], 'snapshot');
    values.push(after ?? null, limit);
    const n = values.length;
    const count = (severity: Severity): string => `'${severity}', coalesce(sum(b.${severity}), 0)::int`;
    return (await this.database.manager(ctx).query(
      `select ${key} as key, ${name} as name, count(*)::int as secrets,
         count(*) filter (where j.judged)::int as judged,
         count(*) filter (where j.judged and b.open = 0)::int as compliant,
         jsonb_build_object(${count('low')}, ${count('medium')}, ${count('high')}, ${count('critical')}) as broken,
         coalesce(sum(b.waived), 0)::int as waived
       from compliance_snapshot s
       join vault_profile v on v.store_id = s.store_id and v.id = s.source_profile_id
       cross join lateral (
         select exists (
           select from compliance_evaluation e where e.store_id = $1 and e.secret_id = s.secret_id and ${at('e')}) as judged
       ) j
       cross join lateral (
         select count(*) filter (where not is_waived) as open, count(*) filter (where is_waived) as waived,
           ${(['low', 'medium', 'high', 'critical'] as const)
             .map((one) => `count(*) filter (where not is_waived and severity = '${one}') as ${one}`)
             .join(', ')}
         from (
           select f.severity, exists (
             select from compliance_waiver w
             where w.store_id = $1 and w.secret_id = f.secret_id and w.profile_id = f.profile_id and w.rule_id = f.rule_id
               and w.from_at <= $2 and w.until_at > $2 and (w.ended_at is null or w.ended_at > $2)) as is_waived
           from compliance_finding f where f.store_id = $1 and f.secret_id = s.secret_id and ${at('f')}
         ) found
       ) b
       where ${where.join(' and ')} and ($${n - 1}::text is null or ${key} > $${n - 1} collate "C")
       group by ${key} order by ${key} collate "C" limit $${n}`,
      values,
    )) as ComplianceStatus[];
  }

  #moment(asOf: Date | undefined): Date {
    const now = this.clock.now();
    if (asOf && asOf > now) throw momentInFuture();
    return asOf ?? now;
  }
}

/** Every rule of every profile that judged a secret at the moment, with what it found. */
const FROM = `
  from compliance_evaluation e
  join compliance_profile_version pv
    on pv.store_id = e.store_id and pv.profile_id = e.profile_id and pv.version = e.profile_version
  join compliance_profile p on p.store_id = e.store_id and p.id = e.profile_id
  cross join lateral (select jsonb_array_elements(pv.rules) as rule) r
  join compliance_snapshot s on s.store_id = e.store_id and s.secret_id = e.secret_id and ${at('s')}
  join vault_profile v on v.store_id = s.store_id and v.id = s.source_profile_id
  left join lateral (
    select f.from_at from compliance_finding f
    where f.store_id = $1 and f.secret_id = e.secret_id and f.profile_id = e.profile_id and f.rule_id = r.rule ->> 'id'
      and ${at('f')}
    limit 1
  ) f on true
  cross join lateral (
    select case
      when f.from_at is not null then 'broken'
      when jsonb_typeof(r.rule -> 'types') = 'array' and not (r.rule -> 'types') ? s.type then 'not_applicable'
      else 'holds'
    end as outcome
  ) o
  ${WAIVER}`;
