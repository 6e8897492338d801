import { SEVERITIES, type Severity } from '@claviger/features/compliance';
import type { Database } from '@claviger/platform/database';
import type { ReportScope } from '../report-definition.js';

/** How the secrets of a scope stood. Of broken rules only those that no waiver excused, by severity. */
export type ComplianceCounts = {
  readonly secrets: number;
  readonly judged: number;
  readonly compliant: number;
  readonly waived: number;
  readonly broken: Readonly<Record<Severity, number>>;
};

/** True of a row whose interval holds the point. */
const at = (alias: string): string => `${alias}.from_at <= p.at and (${alias}.to_at is null or ${alias}.to_at > p.at)`;

/** $1 store, $2 points, $3 vault profile, $4 owner, $5 labels. */
const COUNTED = `
  from unnest($2::timestamptz[]) p (at)
  join compliance_snapshot s on s.store_id = $1 and ${at('s')}
    and ($3::uuid is null or s.source_profile_id = $3) and ($4::text is null or s.owner = $4) and s.labels @> $5::jsonb
  cross join lateral (
    select exists (
      select from compliance_evaluation e where e.store_id = $1 and e.secret_id = s.secret_id and ${at('e')}) as judged
  ) j
  cross join lateral (
    select count(*) filter (where not is_waived) as open, count(*) filter (where is_waived) as waived,
      ${SEVERITIES.map((one) => `count(*) filter (where not is_waived and severity = '${one}') as ${one}`).join(', ')}
    from (
      select f.severity, exists (
        select from compliance_waiver w
        where w.store_id = $1 and w.secret_id = f.secret_id and w.profile_id = f.profile_id and w.rule_id = f.rule_id
          and w.from_at <= p.at and w.until_at > p.at and (w.ended_at is null or w.ended_at > p.at)) as is_waived
      from compliance_finding f where f.store_id = $1 and f.secret_id = s.secret_id and ${at('f')}
    ) found
  ) b`;

const COUNTS = `count(*)::int as secrets, count(*) filter (where j.judged)::int as judged,
  count(*) filter (where j.judged and b.open = 0)::int as compliant, coalesce(sum(b.waived), 0)::int as waived,
  jsonb_build_object(${SEVERITIES.map((one) => `'${one}', coalesce(sum(b.${one}), 0)`).join(', ')}) as broken`;

const NONE: ComplianceCounts = {
  secrets: 0,
  judged: 0,
  compliant: 0,
  waived: 0,
  broken: { low: 0, medium: 0, high: 0, critical: 0 },
};

/** Counts at each of some moments, in their order. */
export async function countCompliance(
  database: Database,
  scope: ReportScope,
  points: readonly Date[],
): Promise<ComplianceCounts[]> {
  const rows = (await database
    .manager(scope.ctx)
    .query(`select p.at, ${COUNTS} ${COUNTED} group by p.at`, parametersOf(scope, points))) as (ComplianceCounts & {
    readonly at: Date;
  })[];
  const found = new Map(rows.map(({ at: point, ...counts }) => [point.getTime(), counts]));
  return points.map((point) => found.get(point.getTime()) ?? NONE);
}

/** Counts at the moment by source profile, by its name; at most `limit`. */
export async function countByProfile(
  database: Database,
  scope: ReportScope,
  limit: number,
): Promise<(ComplianceCounts & { readonly profileId: string })[]> {
  return (await database.manager(scope.ctx).query(
    `select s.source_profile_id as "profileId", ${COUNTS} ${COUNTED}
     join vault_profile v on v.store_id = $1 and v.id = s.source_profile_id
     group by s.source_profile_id order by min(v.name) collate "C" limit ${limit}`,
    parametersOf(scope, [scope.moment]),
  )) as (ComplianceCounts & { readonly profileId: string })[];
}

function parametersOf({ ctx, profileId, parameters }: ReportScope, points: readonly Date[]): unknown[] {
  const { owner, labels = {} } = parameters;
  return [ctx.storeId, points, profileId ?? null, owner ?? null, JSON.stringify(labels)];
}
