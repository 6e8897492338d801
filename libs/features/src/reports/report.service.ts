import { Inject, Injectable } from '@nestjs/common';
import { AccessService } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { requesterOf, type Requester } from '@claviger/features/changes';
import { inputInvalid, VaultProfileService } from '@claviger/features/vault-profiles';
import { CLOCK, isAppError, type AppError, type Clock, type RequestContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { ReportSigner, type ReportPublicKey } from './report-key.js';
import type { SealHead } from './report-manifest.js';
import {
  checkedParameters,
  REPORT_KINDS,
  type ReportFormat,
  type ReportKind,
  type ReportParameters,
} from './report-parameters.js';
import { ReportRepository, type ReportListQuery } from './report.repository.js';
import type { ReportDocumentEntity, ReportEntity, ReportState } from './report.entity.js';
import {
  reportExpired,
  reportFailed,
  reportFormatMissing,
  reportNotDone,
  reportNotFound,
  tooManyReports,
} from './report.errors.js';

/** Most reports of a store that wait or are being drawn. */
const MOST_OPEN = 50;

/** What somebody asks for. */
export type NewReport = {
  readonly kind: ReportKind;
  readonly formats: readonly ReportFormat[];
  readonly parameters: ReportParameters;
};

export type ReportView = NewReport & {
  readonly id: string;
  readonly state: ReportState;
  /** How many things were looked at, of how many as far as is known. */
  readonly progress: { readonly scanned: number; readonly expected: number | null };
  readonly moment: Date | null;
  readonly seal: SealHead | null;
  readonly documents: readonly { readonly format: ReportFormat; readonly bytes: number; readonly sha256: string }[];
  readonly requestedBy: Requester;
  readonly schedule: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
  readonly expiresAt: Date | null;
};

/** A document to be sent: its bytes piece by piece. */
export type OpenDocument = {
  readonly kind: ReportKind;
  readonly bytes: number;
  readonly sha256: string;
  readonly pieces: AsyncIterable<Buffer>;
};

/**
 * Reports as a resource. Whoever may read those of a kind (`claviger/reports/<kind>`) sees all of the store in them,
 * whatever else they may read: that is what a report is for.
 */
@Injectable()
export class ReportService {
  constructor(
    private readonly database: Database,
    private readonly reports: ReportRepository,
    private readonly profiles: VaultProfileService,
    private readonly access: AccessService,
    private readonly audit: AuditService,
    private readonly keyring: Keyring,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Asks for a report. @throws AppError ACCESS_DENIED, INPUT_INVALID, REPORTS_TOO_MANY */
  async request(ctx: RequestContext, input: NewReport): Promise<ReportView> {
    this.authorize(ctx, input.kind, 'create');
    const checked = await this.check(ctx, input);
    return this.database.transaction(ctx, async (tx) =>
      toView(await this.add(tx, checked, requesterOf(ctx), null), []),
    );
  }

  /** @throws AppError ACCESS_DENIED */
  authorize(ctx: RequestContext, kind: ReportKind, operation: 'create' | 'read'): void {
    this.access.authorize(ctx, pathOf(kind), operation);
  }

  /** What is asked for, as it will be remembered. @throws AppError INPUT_INVALID */
  async check(ctx: RequestContext, { kind, formats, parameters }: NewReport): Promise<NewReport> {
    const checked = checkedParameters(kind, parameters, this.clock.now());
    const { vaultProfile } = checked;
    if (vaultProfile !== undefined && !(await this.profiles.find(ctx, vaultProfile)))
      throw inputInvalid([{ pointer: '#/parameters/vaultProfile', message: 'there is no vault profile of this name' }]);
    return { kind, formats: [...new Set(formats)], parameters: checked };
  }

  /** Adds a report that was checked, for whoever is named. @throws AppError REPORTS_TOO_MANY */
  async add(
    tx: RequestContext,
    { kind, formats, parameters }: NewReport,
    requestedBy: Requester,
    schedule: string | null,
  ): Promise<ReportEntity> {
    if ((await this.reports.countOpen(tx)) >= MOST_OPEN) throw tooManyReports(MOST_OPEN);
    const now = this.clock.now();
    const report = await this.reports.insert(tx, {
      kind,
      formats: [...formats],
      parameters,
      requestedBy,
      schedule,
      createdAt: now,
      nextAttemptAt: now,
    });
    const details = { ...described(parameters), formats: formats.join(','), schedule };
    await this.audit.record(tx, this.#entry(tx, 'report.request', report, details));
    return report;
  }

  /** Those of the kinds that the caller may read, the newest first. @throws AppError ACCESS_DENIED */
  async list(
    ctx: RequestContext,
    query: Omit<ReportListQuery, 'kinds'> & { kind?: ReportKind },
  ): Promise<ReportView[]> {
    this.access.authorize(ctx, pathOf(''), 'list');
    const { kind, ...rest } = query;
    const asked = kind === undefined ? REPORT_KINDS : [kind];
    const kinds = asked.filter((one) => this.access.can(ctx, pathOf(one), 'read'));
    const rows = await this.reports.list(ctx, { ...rest, kinds });
    const documents = await this.reports.documents(
      ctx,
      rows.map(({ id }) => id),
    );
    return rows.map((row) =>
      toView(
        row,
        documents.filter(({ reportId }) => reportId === row.id),
      ),
    );
  }

  /** @throws AppError REPORT_NOT_FOUND */
  async get(ctx: RequestContext, id: string): Promise<ReportView> {
    const report = await this.#find(ctx, id);
    return toView(report, await this.reports.documents(ctx, [id]));
  }

  /**
   * The bytes of a document; that they were fetched is in the audit log then.
   * @throws AppError REPORT_NOT_FOUND, REPORT_NOT_DONE, REPORT_FAILED, REPORT_EXPIRED, REPORT_FORMAT_MISSING
   */
  async document(ctx: RequestContext, id: string, format: ReportFormat): Promise<OpenDocument> {
    const { report, document } = await this.#document(ctx, id, format);
    if (report.state === 'expired') throw reportExpired();
    const { bytes, sha256 } = document;
    await this.audit.commit(ctx, this.#entry(ctx, 'report.fetch', report, { format, bytes, sha256 }));
    return { kind: report.kind, bytes, sha256, pieces: this.#pieces(ctx, document) };
  }

  /** The signature of a document, as a compact JWS; also when the document itself is erased. @throws as {@link document} */
  async signature(ctx: RequestContext, id: string, format: ReportFormat): Promise<string> {
    return (await this.#document(ctx, id, format)).document.signature;
  }

  /** The public keys of this store's reports: the one in use, and those that reports were signed with before. */
  async keys(ctx: RequestContext): Promise<ReportPublicKey[]> {
    const active = this.keyring.mac(ctx.storeId, 'audit').keyId;
    const ids = new Set([active, ...(await this.reports.auditKeyIds(ctx))]);
    return Promise.all([...ids].map((id) => new ReportSigner(this.keyring.mac(ctx.storeId, 'audit', id)).publicKey()));
  }

  async #document(
    ctx: RequestContext,
    id: string,
    format: ReportFormat,
  ): Promise<{ report: ReportEntity; document: ReportDocumentEntity }> {
    const report = await this.#find(ctx, id);
    if (!report.formats.includes(format)) throw reportFormatMissing();
    if (report.state === 'failed') throw reportFailed();
    const document = (await this.reports.documents(ctx, [id])).find((one) => one.format === format);
    if (!document) throw reportNotDone();
    return { report, document };
  }

  async *#pieces(ctx: RequestContext, document: ReportDocumentEntity): AsyncGenerator<Buffer> {
    for (let number = 0, sent = 0; sent < document.bytes; number += 1) {
      const piece = await this.reports.chunk(ctx, document, number);
      // Erased while it was being sent: the connection is cut rather than the document.
      if (!piece) throw reportExpired();
      sent += piece.length;
      yield piece;
    }
  }

  /** Missing and forbidden answer alike. */
  async #find(ctx: RequestContext, id: string): Promise<ReportEntity> {
    const report = await this.reports.find(ctx, id);
    if (!report) throw reportNotFound();
    try {
      this.authorize(ctx, report.kind, 'read');
    } catch (refusal) {
      throw isAppError(refusal, 'ACCESS_DENIED') ? reportNotFound(refusal) : (refusal as AppError);
    }
    return report;
  }

  #entry(
    ctx: RequestContext,
    action: string,
    { id, kind }: ReportEntity,
    details: Readonly<Record<string, string | number | null>>,
  ): ReturnType<AuditService['entry']> {
    return this.audit.entry(ctx, { action, outcome: 'allowed', resource: { kind: 'report', id, name: kind }, details });
  }
}

/** Where policies judge reports of a kind. */
export const pathOf = (kind: ReportKind | ''): string => `claviger/reports/${kind}`;

function described(parameters: ReportParameters): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      typeof value === 'object' ? JSON.stringify(value) : String(value),
    ]),
  );
}

function toView(row: ReportEntity, documents: readonly ReportDocumentEntity[]): ReportView {
  const { id, kind, formats, parameters, state, scanned, expected, moment, seal, requestedBy, schedule } = row;
  return {
    id,
    kind,
    formats,
    parameters,
    state,
    progress: { scanned, expected },
    moment,
    seal,
    documents: documents.map(({ format, bytes, sha256 }) => ({ format, bytes, sha256 })),
    requestedBy,
    schedule,
    error: row.errorCode === null ? null : { code: row.errorCode, message: row.errorMessage ?? '' },
    createdAt: row.createdAt,
    endedAt: row.endedAt,
    expiresAt: row.expiresAt,
  };
}
