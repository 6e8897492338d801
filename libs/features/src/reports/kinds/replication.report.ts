import { Injectable } from '@nestjs/common';
import { Database } from '@claviger/platform/database';
import { Findings } from '../findings.js';
import type {
  ReportBatch,
  ReportColumn,
  ReportDefinition,
  ReportRow,
  ReportScope,
  ReportTally,
  Severity,
  Trend,
} from '../report-definition.js';
import { isMeant, SecretsAt } from '../secrets-at.js';
import { WAIVERS_COLUMN } from '../waivers-at.js';
import { instant } from './cells.js';
import { ReplicationPast, SOURCE } from './replication-past.js';

const COLUMNS: readonly ReportColumn[] = [
  { name: 'vaultProfile', title: 'Source', type: 'text', width: 3 },
  { name: 'name', title: 'Secret', type: 'text', width: 5 },
  { name: 'target', title: 'Target', type: 'text', width: 3 },
  { name: 'status', title: 'Status', type: 'text', width: 2 },
  { name: 'desiredVersion', title: 'Should hold', type: 'number', width: 1.5 },
  { name: 'observedVersion', title: 'Holds', type: 'number', width: 1.5 },
  { name: 'verifiedAt', title: 'Verified', type: 'instant', width: 3 },
  { name: 'verifiedHow', title: 'How', type: 'text', width: 2 },
  { name: 'drift', title: 'Drift', type: 'text', width: 2 },
  { name: 'driftedAt', title: 'Drifted', type: 'instant' },
  { name: 'overwrittenAt', title: 'Foreign content overwritten', type: 'instant' },
  { name: 'errorCode', title: 'Error', type: 'text', width: 3 },
  { name: 'attempts', title: 'Attempts', type: 'number' },
  { name: 'nextAttemptAt', title: 'Next attempt', type: 'instant' },
  { name: 'syncedAt', title: 'Written', type: 'instant' },
  { name: 'ownership', title: 'Ownership', type: 'text' },
  { name: 'owner', title: 'Owner', type: 'text' },
  { name: 'secretId', title: 'Secret id', type: 'text' },
  WAIVERS_COLUMN,
];

const BATCH = 500;
const BEGINNING = '00000000-0000-0000-0000-000000000000';

type Row = {
  readonly secretId: string;
  readonly key: string;
  readonly targetId: string | null;
  readonly status: string;
  readonly desiredVersion: number;
  readonly observedVersion: number | null;
  readonly verifiedAt: Date | null;
  readonly verifiedHow: string;
  readonly drift: { readonly kind: string; readonly detectedAt: string } | null;
  readonly overwritten: { readonly at: string } | null;
  readonly errorCode: string | null;
  readonly attempts: number;
  readonly nextAttemptAt: Date | null;
  readonly syncedAt: Date | null;
  readonly ownership: string | null;
};

/** Whether copies hold what they should, and what was found in vaults that nobody put there. */
@Injectable()
export class ReplicationReport implements ReportDefinition {
  readonly kind = 'replication';
  readonly title = 'Replication and drift';
  readonly description =
    'Every copy of a secret, and every source that had drifted, as it was known: whether it held what it should, and how that was verified. Of a past moment the status is known, and no more.';
  readonly columns = COLUMNS;
  readonly #past: ReplicationPast;

  constructor(
    private readonly secrets: SecretsAt,
    private readonly database: Database,
  ) {
    this.#past = new ReplicationPast(database);
  }

  async expected(scope: ReportScope): Promise<number> {
    if (isPast(scope)) return this.#past.count(scope);
    const { ctx } = scope;
    const sql = `select (select count(*) from sync_target where store_id = $1)
      + (select count(*) from secret where store_id = $1 and drift is not null) as count`;
    const [row] = (await this.database.manager(ctx).query(sql, [ctx.storeId])) as [{ count: string }];
    return Number(row.count);
  }

  /** By the ids of the secret and of the profile that the copy is in; a source that has drifted comes before its copies. */
  async *batches(scope: ReportScope): AsyncGenerator<ReportBatch> {
    yield* isPast(scope) ? this.#past.batches(scope) : this.#now(scope);
  }

  async *#now(scope: ReportScope): AsyncGenerator<ReportBatch> {
    for (let after = { secretId: BEGINNING, key: '' }; ;) {
      const rows = await this.#next(scope, after);
      yield { scanned: rows.length, rows: await this.#rows(scope, rows) };
      const last = rows.at(-1);
      if (!last || rows.length < BATCH) return;
      after = last;
    }
  }

  async tally(scope: ReportScope): Promise<ReportTally> {
    return new ReplicationTally(await this.#past.trend(scope));
  }

  async #next({ ctx }: ReportScope, after: { secretId: string; key: string }): Promise<Row[]> {
    return (await this.database.manager(ctx).query(
      `select * from (
         select secret_id as "secretId", profile_id::text as key, profile_id as "targetId", status,
           desired_version as "desiredVersion", observed_version as "observedVersion", verified_at as "verifiedAt",
           verified_how as "verifiedHow", drift, overwritten, error_code as "errorCode", attempts,
           next_attempt_at as "nextAttemptAt", synced_at as "syncedAt", ownership
         from sync_target where store_id = $1
           and secret_id >= $2 and (secret_id, profile_id::text collate "C") > ($2, $3::text collate "C")
         union all
         select id, '', null, 'drifted', current_version, null, verified_at, 'value', drift, null, null, 0,
           next_verify_at, null, null
         from secret where store_id = $1 and drift is not null and id >= $2 and (id, '') > ($2, $3::text)
       ) t order by "secretId", key collate "C" limit ${BATCH}`,
      [ctx.storeId, after.secretId, after.key],
    )) as Row[];
  }

  async #rows(scope: ReportScope, rows: readonly Row[]): Promise<ReportRow[]> {
    const ids = [...new Set(rows.map(({ secretId }) => secretId))];
    const secrets = await this.secrets.find(scope.ctx, ids, scope.moment);
    const nameOf = (id: string): string => scope.profileNames.get(id) ?? id;
    return rows.flatMap((row) => {
      const secret = secrets.get(row.secretId);
      if (!secret || !isMeant(secret, scope)) return [];
      const named = { vaultProfile: nameOf(secret.profileId), name: secret.name, owner: secret.owner };
      return [{ ...named, ...cellsOf(row), target: row.targetId === null ? SOURCE : nameOf(row.targetId) }];
    });
  }
}

const isPast = ({ parameters }: ReportScope): boolean => parameters.asOf !== undefined;

function cellsOf(row: Row): ReportRow {
  return {
    status: row.status,
    desiredVersion: row.desiredVersion,
    observedVersion: row.observedVersion,
    verifiedAt: instant(row.verifiedAt),
    verifiedHow: row.verifiedHow,
    drift: row.drift?.kind ?? null,
    driftedAt: row.drift?.detectedAt ?? null,
    overwrittenAt: row.overwritten?.at ?? null,
    errorCode: row.errorCode,
    attempts: row.attempts,
    nextAttemptAt: instant(row.nextAttemptAt),
    syncedAt: instant(row.syncedAt),
    ownership: row.ownership,
    secretId: row.secretId,
  };
}

/** How grave each status is that is not that of a copy which holds what it should. */
const GRAVITY: Readonly<Record<string, { readonly severity: Severity; readonly title: string }>> = {
  drifted: { severity: 'critical', title: 'Hold content that Claviger did not put there' },
  missing: { severity: 'critical', title: 'Are gone from their vault' },
  foreign: { severity: 'high', title: 'Have something of others in their place' },
  blocked: { severity: 'high', title: 'Wait for a person' },
  paused: { severity: 'medium', title: 'Are paused' },
  retrying: { severity: 'medium', title: 'Could not be written yet' },
  pending: { severity: 'low', title: 'Wait to be written' },
};

class ReplicationTally implements ReportTally {
  readonly #findings = new Findings();
  readonly #counts = new Map<string, number>();
  #count = 0;
  #verified = 0;

  constructor(private readonly trend: Trend) {}

  add(row: ReportRow): void {
    const status = row['status'] as string;
    const name = `${String(row['vaultProfile'])}/${String(row['name'])}`;
    const isSource = row['target'] === SOURCE;
    if (!isSource) {
      this.#count += 1;
      this.#counts.set(status, (this.#counts.get(status) ?? 0) + 1);
      if (status === 'in_sync' && row['verifiedHow'] === 'value') this.#verified += 1;
    }
    const gravity = GRAVITY[status];
    if (!gravity) return;
    const code = `${isSource ? 'SOURCE' : 'COPY'}_${status.toUpperCase()}`;
    const title = `${isSource ? 'Sources' : 'Copies'}: ${gravity.title.toLowerCase()}`;
    this.#findings.add({ severity: gravity.severity, code, title }, `${name} at ${String(row['target'])}`);
  }

  end(): ReturnType<ReportTally['end']> {
    const counts = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      summary: [
        { name: 'Copies', value: this.#count },
        ...counts.map(([status, value]) => ({ name: `Of these ${status}`, value })),
        { name: 'Verified by value to be equal', value: this.#verified },
      ],
      trend: this.trend,
      findings: this.#findings.list(),
      sections: [],
    };
  }
}
