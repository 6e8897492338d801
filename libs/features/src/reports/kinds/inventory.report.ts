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
  Trend,
} from '../report-definition.js';
import { SecretsAt, type SecretAt } from '../secrets-at.js';
import { WAIVERS_COLUMN } from '../waivers-at.js';
import { DAY_MS, instant, labelList } from './cells.js';

const COLUMNS: readonly ReportColumn[] = [
  { name: 'vaultProfile', title: 'Vault profile', type: 'text', width: 3 },
  { name: 'name', title: 'Secret', type: 'text', width: 5 },
  { name: 'type', title: 'Type', type: 'text', width: 2 },
  { name: 'owner', title: 'Owner', type: 'text', width: 3 },
  { name: 'labels', title: 'Labels', type: 'list', width: 3 },
  { name: 'version', title: 'Version', type: 'number', width: 1.5 },
  { name: 'versionAt', title: 'Written', type: 'instant', width: 3 },
  { name: 'versionBy', title: 'By', type: 'text' },
  { name: 'origin', title: 'Origin', type: 'text' },
  { name: 'createdAt', title: 'Created', type: 'instant' },
  { name: 'expiresAt', title: 'Expires', type: 'instant', width: 3 },
  { name: 'rotationDueAt', title: 'Rotation due', type: 'instant', width: 3 },
  { name: 'isDisabled', title: 'Disabled', type: 'flag' },
  { name: 'syncProfiles', title: 'Replicated to', type: 'list', width: 3 },
  { name: 'secretId', title: 'Id', type: 'text' },
  WAIVERS_COLUMN,
];

const TREND_POINTS = 12;
const TREND_STEP_MS = 7 * DAY_MS;

/** Every secret that there was at the moment. */
@Injectable()
export class InventoryReport implements ReportDefinition {
  readonly kind = 'inventory';
  readonly title = 'Inventory';
  readonly description =
    'Every secret that there was at the moment, with what was true of it then: drawn from its versions and the changes made to it.';
  readonly columns = COLUMNS;

  constructor(
    private readonly secrets: SecretsAt,
    private readonly database: Database,
  ) {}

  expected(scope: ReportScope): Promise<number> {
    return this.secrets.count(scope);
  }

  async *batches(scope: ReportScope): AsyncGenerator<ReportBatch> {
    for await (const { scanned, secrets } of this.secrets.list(scope))
      yield { scanned, rows: secrets.map((secret) => rowOf(secret, scope.profileNames)) };
  }

  async tally(scope: ReportScope): Promise<ReportTally> {
    return new InventoryTally(scope.moment, isNarrow(scope) ? null : await this.#trend(scope));
  }

  /** Only of the whole store: what a secret's owner and labels were is not counted week by week. */
  async #trend({ ctx, moment }: ReportScope): Promise<Trend> {
    const points = Array.from(
      { length: TREND_POINTS },
      (_, index) => new Date(moment.getTime() - (TREND_POINTS - 1 - index) * TREND_STEP_MS),
    );
    const rows = (await this.database.manager(ctx).query(
      `select p.at, count(s.id)::int as count from unnest($2::timestamptz[]) p (at)
       left join secret s on s.store_id = $1 and s.current_version > 0 and s.created_at <= p.at
         and (s.deleted_at is null or s.deleted_at > p.at)
       group by p.at order by p.at`,
      [ctx.storeId, points],
    )) as { at: Date; count: number }[];
    return {
      title: 'Secrets, week by week',
      labels: rows.map(({ at }) => at.toISOString().slice(0, 10)),
      series: [{ name: 'secrets', values: rows.map(({ count }) => count) }],
    };
  }
}

function isNarrow({ parameters: { vaultProfile, owner, labels } }: ReportScope): boolean {
  return [vaultProfile, owner, labels].some((given) => given !== undefined);
}

function rowOf(secret: SecretAt, names: ReadonlyMap<string, string>): ReportRow {
  const nameOf = (id: string): string => names.get(id) ?? id;
  return {
    vaultProfile: nameOf(secret.profileId),
    name: secret.name,
    type: secret.type,
    owner: secret.owner,
    labels: labelList(secret.labels),
    version: secret.version,
    versionAt: instant(secret.versionAt),
    versionBy: secret.versionBy.name,
    origin: secret.origin,
    createdAt: instant(secret.createdAt),
    expiresAt: instant(secret.expiresAt),
    rotationDueAt: instant(secret.rotationDueAt),
    isDisabled: secret.isDisabled,
    syncProfiles: secret.syncProfileIds.map(nameOf).sort(),
    secretId: secret.id,
  };
}

class InventoryTally implements ReportTally {
  readonly #findings = new Findings();
  readonly #types = new Map<string, number>();
  #count = 0;
  #disabled = 0;
  #replicated = 0;

  constructor(
    private readonly moment: Date,
    private readonly trend: Trend | null,
  ) {}

  add(row: ReportRow): void {
    const at = this.moment.toISOString();
    const name = `${String(row['vaultProfile'])}/${String(row['name'])}`;
    const type = row['type'] as string;
    this.#count += 1;
    this.#types.set(type, (this.#types.get(type) ?? 0) + 1);
    if (row['isDisabled']) this.#disabled += 1;
    if ((row['syncProfiles'] as readonly string[]).length > 0) this.#replicated += 1;
    if (isBefore(row['expiresAt'], at))
      this.#findings.add({ severity: 'critical', code: 'EXPIRED', title: 'Secrets that have expired' }, name);
    if (isBefore(row['rotationDueAt'], at))
      this.#findings.add({ severity: 'high', code: 'ROTATION_OVERDUE', title: 'Secrets overdue for rotation' }, name);
    if (row['owner'] === null)
      this.#findings.add({ severity: 'medium', code: 'NO_OWNER', title: 'Secrets without an owner' }, name);
  }

  end(): ReturnType<ReportTally['end']> {
    const types = [...this.#types].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      summary: [
        { name: 'Secrets', value: this.#count },
        { name: 'Replicated', value: this.#replicated },
        { name: 'Disabled', value: this.#disabled },
        ...types.map(([type, value]) => ({ name: `Of type ${type}`, value })),
      ],
      trend: this.trend,
      findings: this.#findings.list(),
      sections: [],
    };
  }
}

/** Both in UTC and of one form, so that their text sorts as they do. */
function isBefore(cell: ReportRow[string] | undefined, at: string): boolean {
  return typeof cell === 'string' && cell <= at;
}
