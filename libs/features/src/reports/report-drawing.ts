import { Inject, Injectable } from '@nestjs/common';
import { AuditReader } from '@claviger/features/audit';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { DocumentWriter, type StoreChunk } from './document-writer.js';
import { CsvRenderer } from './render/csv-renderer.js';
import { JsonRenderer } from './render/json-renderer.js';
import { PdfRenderer } from './render/pdf-renderer.js';
import type { ReportRenderer } from './render/renderer.js';
import { ReportCatalogue } from './report-catalogue.js';
import type { ReportHead, ReportScope } from './report-definition.js';
import type { SealHead } from './report-manifest.js';
import type { ReportFormat } from './report-parameters.js';
import type { ClaimedReport } from './report.repository.js';
import { reportProfileGone } from './report.errors.js';
import { WaiversAt } from './waivers-at.js';

/** Most bytes of one document. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;
/** Longest time of one statement. */
const STATEMENT_MS = 120_000;

const RENDERERS: Readonly<Record<ReportFormat, new () => ReportRenderer>> = {
  json: JsonRenderer,
  csv: CsvRenderer,
  pdf: PdfRenderer,
};

/** Told between batches: how far it has come. Rejects when the drawing is to end. */
export type OnProgress = (scanned: number, expected: number) => Promise<void>;

/** All documents of a report, as they were stored. */
export type Drawn = {
  readonly head: ReportHead;
  readonly documents: readonly { readonly format: ReportFormat; readonly bytes: number; readonly sha256: string }[];
  readonly scanned: number;
};

/** Draws one report: reads everything from one snapshot of the database, and writes all its documents in one go. */
@Injectable()
export class ReportDrawing {
  constructor(
    private readonly database: Database,
    private readonly catalogue: ReportCatalogue,
    private readonly reader: AuditReader,
    private readonly profiles: VaultProfileService,
    private readonly waivers: WaiversAt,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError REPORT_TOO_LARGE, REPORT_PROFILE_GONE; whatever `store` and `onProgress` reject with */
  async draw(ctx: RequestContext, report: ClaimedReport, store: StoreChunk, onProgress: OnProgress): Promise<Drawn> {
    const drawnAt = this.clock.now();
    return this.database.transaction(ctx, async (snapshot) => {
      const manager = this.database.manager(snapshot);
      await manager.query('set transaction isolation level repeatable read read only');
      await manager.query(`set local statement_timeout = ${STATEMENT_MS}`);
      const scope = await this.#scope(snapshot, report, drawnAt);
      const head = headOf(report, scope, drawnAt, (await this.reader.lastSeal(snapshot)) ?? null);
      return this.#write(scope, { ...head, ...this.#titles(report) }, report.formats, store, onProgress);
    });
  }

  async #scope(snapshot: RequestContext, { parameters }: ClaimedReport, drawnAt: Date): Promise<ReportScope> {
    const { asOf, vaultProfile } = parameters;
    const profile = vaultProfile === undefined ? undefined : await this.profiles.find(snapshot, vaultProfile);
    if (vaultProfile !== undefined && !profile) throw reportProfileGone();
    return {
      ctx: snapshot,
      parameters,
      moment: asOf === undefined ? drawnAt : new Date(asOf),
      profileId: profile?.id,
      profileNames: await this.profiles.names(snapshot),
    };
  }

  #titles({ kind }: ClaimedReport): Pick<ReportHead, 'title' | 'description' | 'columns'> {
    const { title, description, columns } = this.catalogue.get(kind);
    return { title, description, columns };
  }

  async #write(
    scope: ReportScope,
    head: ReportHead,
    formats: readonly ReportFormat[],
    store: StoreChunk,
    onProgress: OnProgress,
  ): Promise<Drawn> {
    const definition = this.catalogue.get(head.kind);
    const writers = formats.map((format) => new DocumentWriter(new RENDERERS[format](), MAX_DOCUMENT_BYTES, store));
    const expected = await definition.expected(scope);
    const tally = await definition.tally(scope);
    for (const writer of writers) await writer.begin(head);
    let scanned = 0;
    await onProgress(scanned, expected);
    for await (const batch of definition.batches(scope)) {
      const rows = await this.waivers.fill(scope, definition.columns, batch.rows);
      for (const row of rows) tally.add(row);
      for (const writer of writers) await writer.rows(rows);
      scanned += batch.scanned;
      await onProgress(scanned, Math.max(expected, scanned));
    }
    const conclusion = await this.waivers.conclude(scope, tally.end());
    const documents = [];
    for (const writer of writers) documents.push({ format: writer.format, ...(await writer.end(conclusion)) });
    return { head, documents, scanned };
  }
}

function headOf(
  { id, kind, parameters, requestedBy, storeId }: ClaimedReport,
  { moment }: ReportScope,
  drawnAt: Date,
  seal: SealHead | null,
): Omit<ReportHead, 'title' | 'description' | 'columns'> {
  return {
    reportId: id,
    storeId,
    kind,
    parameters,
    moment: moment.toISOString(),
    drawnAt: drawnAt.toISOString(),
    requestedBy: { id: requestedBy.id, name: requestedBy.name },
    seal,
  };
}
