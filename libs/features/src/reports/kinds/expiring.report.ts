import { Injectable } from '@nestjs/common';
import { Findings } from '../findings.js';
import type {
  ReportBatch,
  ReportColumn,
  ReportDefinition,
  ReportRow,
  ReportScope,
  ReportTally,
} from '../report-definition.js';
import { SecretsAt, type SecretAt } from '../secrets-at.js';
import { WAIVERS_COLUMN } from '../waivers-at.js';
import { Buckets, DAY_MS, instant, labelList } from './cells.js';

const COLUMNS: readonly ReportColumn[] = [
  { name: 'dueAt', title: 'Due', type: 'instant', width: 3 },
  { name: 'what', title: 'What', type: 'text', width: 2 },
  { name: 'daysLeft', title: 'Days left', type: 'number', width: 1.5 },
  { name: 'vaultProfile', title: 'Vault profile', type: 'text', width: 3 },
  { name: 'name', title: 'Secret', type: 'text', width: 5 },
  { name: 'type', title: 'Type', type: 'text', width: 2 },
  { name: 'owner', title: 'Owner', type: 'text', width: 3 },
  { name: 'labels', title: 'Labels', type: 'list', width: 3 },
  { name: 'version', title: 'Version', type: 'number' },
  { name: 'versionAt', title: 'Written', type: 'instant' },
  { name: 'secretId', title: 'Id', type: 'text' },
  WAIVERS_COLUMN,
];

const SOON_DAYS = 7;

type Due = { readonly what: 'expiry' | 'rotation'; readonly at: Date };

/** What expires, or is due to be rotated, within some days of the moment or was before it. */
@Injectable()
export class ExpiringReport implements ReportDefinition {
  readonly kind = 'expiring';
  readonly title = 'Expiring and rotation due';
  readonly description =
    'Secrets that had expired or were due to be rotated at the moment, or would be within the days asked for; by name, one row for each date.';
  readonly columns = COLUMNS;

  constructor(private readonly secrets: SecretsAt) {}

  expected(scope: ReportScope): Promise<number> {
    return this.secrets.count(scope);
  }

  async *batches(scope: ReportScope): AsyncGenerator<ReportBatch> {
    const { moment, parameters, profileNames } = scope;
    const until = new Date(moment.getTime() + parameters.withinDays! * DAY_MS);
    for await (const { scanned, secrets } of this.secrets.list(scope)) {
      const rows = secrets.flatMap((secret) =>
        duesOf(secret, until).map((due) => rowOf(secret, due, moment, profileNames)),
      );
      yield { scanned, rows };
    }
  }

  async tally({ moment, parameters }: ReportScope): Promise<ReportTally> {
    return new ExpiringTally(moment, parameters.withinDays!);
  }
}

function duesOf({ expiresAt, rotationDueAt }: SecretAt, until: Date): Due[] {
  const dues = [
    { what: 'expiry', at: expiresAt },
    { what: 'rotation', at: rotationDueAt },
  ] as const;
  return dues.filter((due): due is Due => due.at !== null && due.at <= until);
}

function rowOf(secret: SecretAt, { what, at }: Due, moment: Date, names: ReadonlyMap<string, string>): ReportRow {
  return {
    dueAt: instant(at),
    what,
    daysLeft: Math.floor((at.getTime() - moment.getTime()) / DAY_MS),
    vaultProfile: names.get(secret.profileId) ?? secret.profileId,
    name: secret.name,
    type: secret.type,
    owner: secret.owner,
    labels: labelList(secret.labels),
    version: secret.version,
    versionAt: instant(secret.versionAt),
    secretId: secret.id,
  };
}

class ExpiringTally implements ReportTally {
  readonly #findings = new Findings();
  readonly #buckets: Buckets;
  readonly #counts = { expiry: 0, rotation: 0, late: 0 };

  constructor(
    private readonly moment: Date,
    days: number,
  ) {
    this.#buckets = new Buckets(moment, new Date(moment.getTime() + days * DAY_MS));
    this.#buckets.series('expiry').series('rotation');
  }

  add(row: ReportRow): void {
    const what = row['what'] as Due['what'];
    const at = new Date(row['dueAt'] as string);
    const name = `${String(row['vaultProfile'])}/${String(row['name'])}`;
    this.#counts[what] += 1;
    this.#buckets.add(what, at);
    if (at <= this.moment) {
      this.#counts.late += 1;
      if (what === 'expiry')
        this.#findings.add({ severity: 'critical', code: 'EXPIRED', title: 'Secrets that have expired' }, name);
      else
        this.#findings.add({ severity: 'high', code: 'ROTATION_OVERDUE', title: 'Secrets overdue for rotation' }, name);
      return;
    }
    if (at.getTime() - this.moment.getTime() <= SOON_DAYS * DAY_MS)
      this.#findings.add(
        {
          severity: what === 'expiry' ? 'high' : 'medium',
          code: what === 'expiry' ? 'EXPIRES_SOON' : 'ROTATION_SOON',
          title: `Secrets whose ${what} is within ${SOON_DAYS} days`,
        },
        name,
      );
  }

  end(): ReturnType<ReportTally['end']> {
    return {
      summary: [
        { name: 'Expiring', value: this.#counts.expiry },
        { name: 'Rotation due', value: this.#counts.rotation },
        { name: 'Of these overdue', value: this.#counts.late },
      ],
      trend: this.#buckets.trend('What comes due'),
      findings: this.#findings.list(),
      sections: [],
    };
  }
}
