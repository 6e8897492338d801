import { createHash } from 'node:crypto';
import type { RequestContext } from '@claviger/kernel';
import {
  ReportDrawer,
  ReportKeeper,
  ReportService,
  ReportsModule,
  type ReportKind,
  type ReportView,
} from '@claviger/features/reports';
import { Sealer } from '@claviger/features/audit';
import { ApprovalRoom } from './approval-room.js';
import { testKeyring } from './context.js';
import type { TestDatabase } from './database.js';
import { AheadClock, type OutsideKind, type SecretRoom } from './secret-room.js';

// Not behind the door of libs/testing: whoever imports this loads most of the program.

type Given = Partial<Parameters<ReportService['request']>[1]>;
type Row = Readonly<Record<string, unknown>>;

/** A report as its JSON document has it. */
export type JsonReport = Row & {
  readonly rows: readonly Row[];
  readonly summary: readonly { readonly name: string; readonly value: unknown }[];
  readonly findings: readonly (Row & { readonly code: string; readonly examples: readonly string[] })[];
  readonly trend: { readonly labels: readonly string[]; readonly series: readonly Row[] } | null;
  readonly sections: readonly (Row & { readonly rows: readonly Row[] })[];
};

/** The reports room over secrets and approvals. */
export class ReportRoom {
  readonly reports: ReportService;
  readonly drawer: ReportDrawer;
  readonly keeper: ReportKeeper;

  private constructor(
    readonly approvals: ApprovalRoom,
    readonly clock: AheadClock,
  ) {
    this.reports = this.secrets.get(ReportService);
    this.drawer = this.secrets.get(ReportDrawer);
    this.keeper = this.secrets.get(ReportKeeper);
  }

  static async create(db: TestDatabase, kind?: OutsideKind): Promise<ReportRoom> {
    const clock = new AheadClock();
    return new ReportRoom(await ApprovalRoom.create(db, kind, clock, [ReportsModule]), clock);
  }

  get secrets(): SecretRoom {
    return this.approvals.secrets;
  }

  get ctx(): RequestContext {
    return this.secrets.ctx;
  }

  /** Asks for a report in all formats, and draws it. */
  async draw(kind: ReportKind, given: Given = {}, ctx = this.ctx): Promise<ReportView> {
    const { id } = await this.reports.request(ctx, { kind, formats: ['json', 'csv', 'pdf'], parameters: {}, ...given });
    await this.work();
    return this.reports.get(this.ctx, id);
  }

  /** Draws what is due. */
  async work(): Promise<void> {
    this.drawer.start(this.ctx);
    await this.drawer.settle();
  }

  /** The bytes of a document. */
  async bytes(id: string, format: 'json' | 'csv' | 'pdf'): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of (await this.reports.document(this.ctx, id, format)).pieces) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** Draws a report and reads its JSON. */
  async json(kind: ReportKind, parameters: Given['parameters'] = {}): Promise<JsonReport> {
    const { id, error } = await this.draw(kind, { parameters, formats: ['json'] });
    if (error) throw new Error(`${error.code}: ${error.message}`);
    return JSON.parse((await this.bytes(id, 'json')).toString()) as JsonReport;
  }

  /** Seals what the audit log has so far. */
  async seal(): Promise<void> {
    const { database } = this.secrets.db;
    await new Sealer({ database, keyring: await testKeyring(database), clock: this.clock }).sealAll();
  }
}

/** What a verifier needs to know of a document. */
export function factsOf(bytes: Buffer): { readonly bytes: number; readonly sha256: string } {
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}
