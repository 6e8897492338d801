import { Injectable } from '@nestjs/common';
import { AuditReader, type AuditEntryView, type AuditPlace } from '@claviger/features/audit';
import type {
  ReportBatch,
  ReportColumn,
  ReportDefinition,
  ReportRow,
  ReportScope,
  ReportTally,
  Section,
} from '../report-definition.js';
import { isMeant, SecretsAt, type SecretAt } from '../secrets-at.js';
import { WAIVERS_COLUMN } from '../waivers-at.js';
import { AccessRefusals, type RefusedRead } from './access-refusals.js';
import { Buckets, DAY_MS, instant } from './cells.js';

const COLUMNS: readonly ReportColumn[] = [
  { name: 'at', title: 'When', type: 'instant', width: 3 },
  { name: 'actor', title: 'Who', type: 'text', width: 3 },
  { name: 'actorId', title: 'Identity', type: 'text', width: 4 },
  { name: 'remoteAddress', title: 'From', type: 'text', width: 2.5 },
  { name: 'secret', title: 'Secret', type: 'text', width: 5 },
  { name: 'what', title: 'What', type: 'text', width: 2 },
  { name: 'version', title: 'Version', type: 'text', width: 1.5 },
  { name: 'owner', title: 'Owner', type: 'text' },
  { name: 'secretId', title: 'Secret id', type: 'text' },
  { name: 'accessor', title: 'Token accessor', type: 'text' },
  { name: 'requestId', title: 'Request id', type: 'text' },
  WAIVERS_COLUMN,
];

/** Actions by which a value, or what is told by comparing values, left Claviger. */
const READS: Readonly<Record<string, string>> = { 'secret.content.read': 'read', 'secret.content.diff': 'compare' };
const BATCH = 500;
/** Most readers named in the table beside the rows. */
const TOP = 20;
/** Most secrets of one person that are told apart: what was refused may be a path that anybody made up. */
const MOST_SECRETS = 10_000;

/** Who read which content, as the audit log has it. */
@Injectable()
export class AccessReport implements ReportDefinition {
  readonly kind = 'access';
  readonly title = 'Access';
  readonly description =
    'Who read which content in the period that ends with the moment, the newest first: every entry of the audit log about it. Owners are those of the moment. Reads that policies refused are counted by who asked.';
  readonly columns = COLUMNS;
  readonly #refusals: AccessRefusals;

  constructor(
    private readonly reader: AuditReader,
    private readonly secrets: SecretsAt,
  ) {
    this.#refusals = new AccessRefusals(reader, secrets);
  }

  /** Not known before the log is read. */
  async expected(): Promise<number> {
    return 0;
  }

  async *batches(scope: ReportScope): AsyncGenerator<ReportBatch> {
    let after: AuditPlace | undefined;
    do {
      const { entries, resumeAt } = await this.reader.list(scope.ctx, {
        action: 'secret.content',
        from: beginningOf(scope),
        to: new Date(scope.moment.getTime() + 1),
        limit: BATCH,
        ...(after && { after }),
      });
      const reads = entries.map(({ entry }) => entry).filter(isRead);
      yield { scanned: entries.length, rows: await this.#rows(scope, reads) };
      after = resumeAt ?? (entries.length === BATCH ? entries.at(-1)!.place : undefined);
    } while (after);
  }

  async tally(scope: ReportScope): Promise<ReportTally> {
    const from = beginningOf(scope);
    const tally = new AccessTally(from, scope.moment);
    for await (const refused of this.#refusals.list(scope, from)) tally.refuse(refused);
    return tally;
  }

  async #rows(scope: ReportScope, reads: readonly AuditEntryView[]): Promise<ReportRow[]> {
    const ids = [...new Set(reads.flatMap(({ resource }) => resource.id ?? []))];
    const secrets = await this.secrets.find(scope.ctx, ids, scope.moment);
    const rows = reads.map((entry) => ({ entry, secret: secrets.get(entry.resource.id ?? '') }));
    return rows.filter(({ secret }) => isAbout(secret, scope)).map(({ entry, secret }) => rowOf(entry, secret));
  }
}

function beginningOf({ moment, parameters }: ReportScope): Date {
  return new Date(moment.getTime() - parameters.periodDays! * DAY_MS);
}

/** Not the life of a change of the same name, which asks for leave to read. */
function isRead({ action, outcome, details }: AuditEntryView): boolean {
  return action in READS && outcome === 'allowed' && details['phase'] === undefined;
}

/** What is known of no secret is in the report of the whole store only. */
function isAbout(secret: SecretAt | undefined, scope: ReportScope): boolean {
  if (secret) return isMeant(secret, scope);
  const { owner, labels } = scope.parameters;
  return scope.profileId === undefined && owner === undefined && labels === undefined;
}

function rowOf(entry: AuditEntryView, secret: SecretAt | undefined): ReportRow {
  const { actor, resource, details } = entry;
  const { version, from, to } = details;
  return {
    at: instant(entry.at),
    actor: actor.displayName,
    actorId: actor.rootId,
    remoteAddress: entry.remoteAddress,
    secret: resource.name,
    what: READS[entry.action]!,
    version: version === undefined ? `${String(from)}-${String(to)}` : String(version),
    owner: secret?.owner ?? null,
    secretId: resource.id,
    accessor: actor.accessor,
    requestId: entry.requestId,
  };
}

type Asker = { readonly actor: string; count: number; readonly secrets: Set<string> };

class AccessTally implements ReportTally {
  readonly #buckets: Buckets;
  readonly #readers = new Map<string, Asker>();
  readonly #refused = new Map<string, Asker>();
  readonly #secrets = new Set<string>();
  #reads = 0;
  #refusals = 0;

  constructor(from: Date, to: Date) {
    this.#buckets = new Buckets(from, to).series('reads').series('refused');
  }

  refuse({ at, actor, actorId, secret }: RefusedRead): void {
    this.#refusals += 1;
    this.#buckets.add('refused', at);
    count(this.#refused, actorId, actor, secret);
  }

  add(row: ReportRow): void {
    const id = row['actorId'] as string;
    const secret = String(row['secretId']);
    this.#reads += 1;
    this.#secrets.add(secret);
    this.#buckets.add('reads', new Date(row['at'] as string));
    count(this.#readers, id, row['actor'] as string, secret);
  }

  end(): ReturnType<ReportTally['end']> {
    return {
      summary: [
        { name: 'Reads', value: this.#reads },
        { name: 'Readers', value: this.#readers.size },
        { name: 'Secrets read', value: this.#secrets.size },
        { name: 'Refused reads', value: this.#refusals },
      ],
      trend: this.#buckets.trend('Reads, and refused reads'),
      findings: [],
      sections: [
        askers(`Readers with the most reads (at most ${TOP})`, 'reads', 'Reads', this.#readers),
        askers(`Who was refused most often (at most ${TOP})`, 'refused', 'Refused', this.#refused),
      ],
    };
  }
}

function count(askers: Map<string, Asker>, id: string, actor: string, secret: string): void {
  const asker = askers.get(id) ?? { actor, count: 0, secrets: new Set() };
  asker.count += 1;
  if (asker.secrets.size < MOST_SECRETS) asker.secrets.add(secret);
  askers.set(id, asker);
}

function askers(title: string, name: string, counted: string, known: ReadonlyMap<string, Asker>): Section {
  const rows = [...known]
    .map(([actorId, { actor, count: times, secrets }]) => ({ actor, actorId, [name]: times, secrets: secrets.size }))
    .sort((a, b) => (b[name] as number) - (a[name] as number) || (a.actorId < b.actorId ? -1 : 1))
    .slice(0, TOP);
  return {
    title,
    columns: [
      { name: 'actor', title: 'Who', type: 'text', width: 3 },
      { name: 'actorId', title: 'Identity', type: 'text', width: 5 },
      { name, title: counted, type: 'number', width: 1 },
      { name: 'secrets', title: `Secrets (at most ${MOST_SECRETS})`, type: 'number', width: 2 },
    ],
    rows,
  };
}
