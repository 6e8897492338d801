import type { Database } from '@claviger/platform/database';
import type { ReportBatch, ReportRow, ReportScope, Trend } from '../report-definition.js';
import { isMeant } from '../secrets-at.js';
import { DAY_MS } from './cells.js';

type Snapshot = {
  readonly secretId: string;
  readonly name: string;
  readonly profileId: string;
  readonly owner: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: number;
  readonly hasDrift: boolean;
  /** Name of the vault profile, and the status of the copy that is there. */
  readonly copies: readonly { readonly profile: string; readonly status: string }[];
};

const BATCH = 500;
const BEGINNING = '00000000-0000-0000-0000-000000000000';
const TREND_POINTS = 12;

/**
 * Copies as they were known at a past moment, from what compliance keeps of every secret whenever it changes: which there
 * were and their status, to within the seconds that a look at them takes. What else is known of copies is known of now only.
 */
export class ReplicationPast {
  constructor(private readonly database: Database) {}

  async count({ ctx, moment }: ReportScope): Promise<number> {
    const [row] = (await this.database.manager(ctx).query(
      `select count(*)::int as count from compliance_snapshot
       where store_id = $1 and from_at <= $2 and (to_at is null or to_at > $2)`,
      [ctx.storeId, moment],
    )) as [{ count: number }];
    return row.count;
  }

  /** By the id of the secret, and the name of the profile that the copy is in. */
  async *batches(scope: ReportScope): AsyncGenerator<ReportBatch> {
    const { ctx, moment } = scope;
    for (let after = BEGINNING; ;) {
      const rows = (await this.database.manager(ctx).query(
        `select secret_id as "secretId", name, source_profile_id as "profileId", owner, labels, version,
           state->'hasDrift' as "hasDrift", state->'copies' as copies
         from compliance_snapshot
         where store_id = $1 and from_at <= $2 and (to_at is null or to_at > $2) and secret_id > $3
         order by secret_id limit ${BATCH}`,
        [ctx.storeId, moment, after],
      )) as Snapshot[];
      const meant = rows.filter((snapshot) => isMeant(snapshot, scope));
      yield { scanned: rows.length, rows: meant.flatMap((snapshot) => rowsOf(snapshot, scope.profileNames)) };
      if (rows.length < BATCH) return;
      after = rows.at(-1)!.secretId;
    }
  }

  /** How many copies had which status, at points of the period that ends with the moment. */
  async trend({ ctx, moment, parameters, profileId }: ReportScope): Promise<Trend> {
    const step = (parameters.periodDays! * DAY_MS) / TREND_POINTS;
    const points = Array.from(
      { length: TREND_POINTS + 1 },
      (_, index) => new Date(moment.getTime() - Math.round((TREND_POINTS - index) * step)),
    );
    const rows = (await this.database.manager(ctx).query(
      `select p.at, c.copy->>'status' as status, count(*)::int as count from unnest($2::timestamptz[]) p (at)
       join compliance_snapshot s on s.store_id = $1 and s.from_at <= p.at and (s.to_at is null or s.to_at > p.at)
         and ($3::uuid is null or s.source_profile_id = $3) and ($4::text is null or s.owner = $4)
         and s.labels @> $5::jsonb
       cross join lateral (select jsonb_array_elements(s.state->'copies') as copy) c
       group by p.at, status`,
      [ctx.storeId, points, profileId ?? null, parameters.owner ?? null, JSON.stringify(parameters.labels ?? {})],
    )) as { at: Date; status: string; count: number }[];
    const statuses = [...new Set(rows.map(({ status }) => status))].sort();
    const countAt = (status: string, point: Date): number =>
      rows.find((row) => row.status === status && row.at.getTime() === point.getTime())?.count ?? 0;
    return {
      title: 'Copies by status, over time',
      labels: points.map((at) => at.toISOString().slice(0, 16).replace('T', ' ')),
      series: statuses.map((name) => ({ name, values: points.map((point) => countAt(name, point)) })),
    };
  }
}

function rowsOf(snapshot: Snapshot, names: ReadonlyMap<string, string>): ReportRow[] {
  const { secretId, name, owner, version, hasDrift } = snapshot;
  const vaultProfile = names.get(snapshot.profileId) ?? snapshot.profileId;
  const isSourceDrift = hasDrift && !snapshot.copies.some(({ status }) => status === 'drifted' || status === 'missing');
  const copies = [
    ...(isSourceDrift ? [{ profile: SOURCE, status: 'drifted' }] : []),
    ...snapshot.copies.map(({ profile, status }) => ({ profile, status })),
  ];
  return copies.map(({ profile, status }) => ({
    ...UNKNOWN,
    vaultProfile,
    name,
    target: profile,
    status,
    desiredVersion: version,
    owner,
    secretId,
  }));
}

/** Where the content is managed, in the column of targets. */
export const SOURCE = '(source)';

/** What nobody kept. */
const UNKNOWN: ReportRow = {
  observedVersion: null,
  verifiedAt: null,
  verifiedHow: null,
  drift: null,
  driftedAt: null,
  overwrittenAt: null,
  errorCode: null,
  attempts: null,
  nextAttemptAt: null,
  syncedAt: null,
  ownership: null,
};
