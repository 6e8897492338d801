import { Injectable } from '@nestjs/common';
import type { Requester } from '@claviger/features/changes';
import { Database } from '@claviger/platform/database';
import { instant } from './kinds/cells.js';
import type { Conclusion, ReportColumn, ReportRow, ReportScope, Section } from './report-definition.js';
import { isMeant, SecretsAt, THERE } from './secrets-at.js';

/**
 * Of rows about a secret (those with a `secretId`): the waivers that were in force for it at the moment. So a CSV shows them too,
 * which has no place for a table beside its rows.
 */
export const WAIVERS_COLUMN: ReportColumn = { name: 'waivers', title: 'Waivers in force', type: 'list' };

const COLUMNS: readonly ReportColumn[] = [
  { name: 'secret', title: 'Secret', type: 'text', width: 4 },
  { name: 'profile', title: 'Compliance profile', type: 'text', width: 2 },
  { name: 'rule', title: 'Rule', type: 'text', width: 3 },
  { name: 'title', title: 'What may be broken', type: 'text', width: 4 },
  { name: 'severity', title: 'Severity', type: 'text', width: 1.3 },
  { name: 'isBroken', title: 'Is broken', type: 'flag', width: 1 },
  { name: 'waivedUntil', title: 'Until', type: 'instant', width: 3 },
  { name: 'waivedBy', title: 'Asked for by', type: 'text', width: 2 },
  { name: 'waiverReason', title: 'Reason', type: 'text', width: 5 },
  { name: 'waivedFrom', title: 'From', type: 'instant' },
  { name: 'owner', title: 'Owner', type: 'text' },
  { name: 'secretId', title: 'Secret id', type: 'text' },
  { name: 'waiverId', title: 'Id', type: 'text' },
];

type Row = {
  readonly id: string;
  readonly secretId: string;
  readonly name: string;
  readonly profile: string;
  readonly rule: string;
  readonly reason: string;
  readonly from: Date;
  readonly until: Date;
  readonly requestedBy: Requester;
  readonly title: string | null;
  readonly severity: string | null;
  readonly isBroken: boolean;
};
type Short = Pick<Row, 'secretId' | 'profile' | 'rule' | 'until'>;

const BATCH = 500;
const BEGINNING = { name: '', id: '00000000-0000-0000-0000-000000000000' };
/** Most that are shown one by one; all are counted. */
const MOST = 1_000;

/** $1 store, $2 moment. */
const IN_FORCE = `w.store_id = $1 and w.from_at <= $2 and w.until_at > $2 and (w.ended_at is null or w.ended_at > $2)`;

/** Waivers that were in force at a moment: every report shows those of the secrets that it is about. */
@Injectable()
export class WaiversAt {
  constructor(
    private readonly database: Database,
    private readonly secrets: SecretsAt,
  ) {}

  /** Rows with what {@link WAIVERS_COLUMN} says, where the report has that column. */
  async fill(
    scope: ReportScope,
    columns: readonly ReportColumn[],
    rows: readonly ReportRow[],
  ): Promise<readonly ReportRow[]> {
    if (rows.length === 0 || !columns.includes(WAIVERS_COLUMN)) return rows;
    const found = await this.#bySecret(scope, new Set(rows.map(({ secretId }) => secretId as string | null)));
    return rows.map((row) => ({ ...row, [WAIVERS_COLUMN.name]: found.get(row['secretId'] as string) ?? [] }));
  }

  /** What a report comes to, with its waivers: how many, and a table of them by name and age. */
  async conclude(scope: ReportScope, { summary, sections, ...rest }: Conclusion): Promise<Conclusion> {
    const shown: ReportRow[] = [];
    let count = 0;
    for await (const rows of this.#list(scope)) {
      count += rows.length;
      shown.push(...rows.slice(0, MOST - shown.length));
    }
    const table: Section = { title: `Waivers in force (at most ${MOST})`, columns: COLUMNS, rows: shown };
    return {
      summary: [...summary, { name: 'Waivers in force', value: count }],
      ...rest,
      sections: [table, ...sections],
    };
  }

  async *#list(scope: ReportScope): AsyncGenerator<readonly ReportRow[]> {
    for (let after = BEGINNING; ;) {
      const rows = await this.#next(scope, after);
      const ids = [...new Set(rows.map(({ secretId }) => secretId))];
      const secrets = await this.secrets.find(scope.ctx, ids, scope.moment);
      yield rows.flatMap((row) => {
        const secret = secrets.get(row.secretId);
        if (!secret || !isMeant(secret, scope)) return [];
        const profile = scope.profileNames.get(secret.profileId) ?? secret.profileId;
        return [rowOf(row, `${profile}/${secret.name}`, secret.owner)];
      });
      const last = rows.at(-1);
      if (!last || rows.length < BATCH) return;
      after = last;
    }
  }

  /** The rule is told as the profile said it then. */
  async #next({ ctx, moment }: ReportScope, after: typeof BEGINNING): Promise<readonly Row[]> {
    return (await this.database.manager(ctx).query(
      `select w.id, w.secret_id as "secretId", s.name, p.name as profile, w.rule_id as rule, w.reason, w.from_at as "from",
         w.until_at as until, w.requested_by as "requestedBy", r.title, r.severity,
         exists (
           select from compliance_finding f
           where f.store_id = $1 and f.secret_id = w.secret_id and f.profile_id = w.profile_id and f.rule_id = w.rule_id
             and f.from_at <= $2 and (f.to_at is null or f.to_at > $2)) as "isBroken"
       from compliance_waiver w
       join secret s on s.store_id = w.store_id and s.id = w.secret_id and ${THERE}
       join compliance_profile p on p.store_id = w.store_id and p.id = w.profile_id
       left join lateral (
         select said ->> 'title' as title, said ->> 'severity' as severity
         from compliance_profile_version v cross join lateral jsonb_array_elements(v.rules) said
         where v.store_id = w.store_id and v.profile_id = w.profile_id and said ->> 'id' = w.rule_id
         order by v.created_at <= $2 desc, v.version desc limit 1
       ) r on true
       where ${IN_FORCE} and (s.name, w.id) > ($3, $4) order by s.name, w.id limit ${BATCH}`,
      [ctx.storeId, moment, after.name, after.id],
    )) as Row[];
  }

  async #bySecret(
    { ctx, moment }: ReportScope,
    ids: ReadonlySet<string | null>,
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const rows = (await this.database.manager(ctx).query(
      `select w.secret_id as "secretId", p.name as profile, w.rule_id as rule, w.until_at as until
       from compliance_waiver w
       join compliance_profile p on p.store_id = w.store_id and p.id = w.profile_id
       where ${IN_FORCE} and w.secret_id = any($3::uuid[]) order by w.secret_id, p.name, w.rule_id, w.id`,
      [ctx.storeId, moment, [...ids].filter((id) => typeof id === 'string')],
    )) as Short[];
    const found = new Map<string, string[]>();
    for (const { secretId, profile, rule, until } of rows)
      found.set(secretId, [...(found.get(secretId) ?? []), `${profile}/${rule} until ${instant(until)!}`]);
    return found;
  }
}

function rowOf(row: Row, secret: string, owner: string | null): ReportRow {
  const { profile, rule, title, severity, isBroken, reason, from, until, requestedBy, secretId, id } = row;
  return {
    secret,
    profile,
    rule,
    title,
    severity,
    isBroken,
    waivedUntil: instant(until),
    waivedBy: requestedBy.name,
    waiverReason: reason,
    waivedFrom: instant(from),
    owner,
    secretId,
    waiverId: id,
  };
}
