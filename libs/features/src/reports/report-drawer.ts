import { Inject, Injectable } from '@nestjs/common';
import { AuditService } from '@claviger/features/audit';
import { Outbox } from '@claviger/features/notifications';
import { CLOCK, faultPoint, isAppError, type AppError, type Clock, type RequestContext } from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { Logger } from '@claviger/platform/telemetry';
import { ReportDrawing, type Drawn } from './report-drawing.js';
import { ReportSigner } from './report-key.js';
import { MANIFEST_FORMAT, type ReportManifest } from './report-manifest.js';
import { ReportRepository, type ClaimedReport } from './report.repository.js';
import { reportDefect, reportTooSlow } from './report.errors.js';

/** Renewed after every batch. */
const LEASE_MS = 180_000;
const MOST_MS = 15 * 60_000;
const MOST_ATTEMPTS = 5;
const RETRY_MS = 10_000;
const DAY_MS = 86_400_000;

/** The report is drawn by another worker now, or this one is to stop. */
class GivenUp extends Error {}

/**
 * Draws what was asked for, beside the job that found it. A report is claimed under a lease; what a worker that died had
 * drawn of it is thrown away, and another one draws it anew.
 */
@Injectable()
export class ReportDrawer {
  #work: Promise<void> | undefined;
  #isStopping = false;

  constructor(
    private readonly database: Database,
    private readonly reports: ReportRepository,
    private readonly drawing: ReportDrawing,
    private readonly keyring: Keyring,
    private readonly audit: AuditService,
    private readonly outbox: Outbox,
    private readonly logger: Logger,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Draws what is due, one report after the other, unless it is doing so already. Does not wait for it. */
  start(ctx: RequestContext): void {
    if (this.#isStopping) return;
    this.#work ??= this.#drawAll(ctx)
      // A lease that was taken runs out, and the report is found again.
      .catch((error: unknown) => this.logger.error('report.drawing_failed', {}, error))
      .finally(() => (this.#work = undefined));
  }

  /** Resolves when nothing is being drawn any more. */
  async settle(): Promise<void> {
    await this.#work;
  }

  /** Gives up what is being drawn, so that another worker can take it at once. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.settle();
  }

  async #drawAll(ctx: RequestContext): Promise<void> {
    while (!this.#isStopping) {
      const now = this.clock.now();
      const report = await this.reports.claim(ctx, now, new Date(now.getTime() + LEASE_MS));
      if (!report) return;
      await this.#draw(ctx, report);
    }
  }

  async #draw(ctx: RequestContext, report: ClaimedReport): Promise<void> {
    const startedAt = this.clock.now().getTime();
    try {
      await this.reports.removeOtherChunks(ctx, report);
      const drawn = await this.drawing.draw(
        ctx,
        report,
        async (format, number, bytes) => {
          if (!(await this.reports.addChunk(ctx, report, { format, number, bytes }))) throw new GivenUp();
        },
        async (scanned, expected) => {
          if (this.clock.now().getTime() - startedAt > MOST_MS) throw reportTooSlow();
          const leasedUntil = new Date(this.clock.now().getTime() + LEASE_MS);
          const isOurs = await this.reports.update(ctx, report, { scanned, expected, leasedUntil });
          if (!isOurs || this.#isStopping) throw new GivenUp();
          faultPoint('report.drawing');
        },
      );
      await this.#finish(ctx, report, drawn);
    } catch (error) {
      await this.#giveUp(ctx, report, error);
    }
  }

  async #finish(ctx: RequestContext, report: ClaimedReport, drawn: Drawn): Promise<void> {
    const auditKey = this.keyring.mac(ctx.storeId, 'audit');
    const signer = new ReportSigner(auditKey);
    const now = this.clock.now();
    const { head, scanned } = drawn;
    const expiresAt = new Date(now.getTime() + this.config.reports.retentionDays * DAY_MS);
    await this.database.transaction(ctx, async (tx) => {
      const isOurs = await this.reports.update(tx, report, {
        state: 'done',
        moment: new Date(head.moment),
        seal: head.seal,
        scanned,
        expected: scanned,
        claim: null,
        leasedUntil: null,
        endedAt: now,
        expiresAt,
      });
      if (!isOurs) return;
      faultPoint('report.finishing');
      for (const document of drawn.documents)
        await this.reports.insertDocument(tx, {
          ...document,
          reportId: report.id,
          claim: report.claim,
          signature: await signer.sign(manifestOf(drawn, document)),
          auditKeyId: auditKey.keyId,
        });
      await this.#tell(tx, report, 'report.draw', 'report.ready', { moment: head.moment, rows: scanned });
    });
  }

  async #giveUp(ctx: RequestContext, report: ClaimedReport, thrown: unknown): Promise<void> {
    const error = isStatementTimeout(thrown) ? reportTooSlow() : thrown;
    const now = this.clock.now();
    const released = { claim: null, leasedUntil: null };
    if (error instanceof GivenUp) {
      // Nobody else counts it as an attempt that failed.
      const attempts = Math.max(0, report.attempts - 1);
      await this.reports.update(ctx, report, { ...released, state: 'queued', attempts, nextAttemptAt: now });
      return;
    }
    const isFinal = isAppError(error) && !error.retryable && error.kind !== 'internal';
    if (!isFinal && report.attempts < MOST_ATTEMPTS) {
      this.logger.warn('report.attempt_failed', { reportId: report.id }, error);
      const nextAttemptAt = new Date(now.getTime() + RETRY_MS * report.attempts);
      await this.reports.update(ctx, report, { ...released, state: 'queued', nextAttemptAt });
      return;
    }
    if (!isFinal) this.logger.error('report.failed', { reportId: report.id }, error);
    await this.#fail(ctx, report, isFinal ? error : reportDefect(error));
  }

  async #fail(ctx: RequestContext, report: ClaimedReport, { code, message }: AppError): Promise<void> {
    await this.database.transaction(ctx, async (tx) => {
      const set = { errorCode: code, errorMessage: message, claim: null, leasedUntil: null };
      const isOurs = await this.reports.update(tx, report, { ...set, state: 'failed', endedAt: this.clock.now() });
      if (!isOurs) return;
      await this.reports.removeChunks(tx, report.id);
      await this.#tell(tx, report, 'report.fail', 'report.failed', { code });
    });
  }

  async #tell(
    tx: RequestContext,
    { id, kind, schedule, requestedBy }: ClaimedReport,
    action: string,
    event: 'report.ready' | 'report.failed',
    facts: Readonly<Record<string, string | number>>,
  ): Promise<void> {
    const outcome = event === 'report.ready' ? 'allowed' : 'failed';
    const resource = { kind: 'report', id, name: kind };
    const details = { ...facts, requestedBy: requestedBy.id, schedule };
    await this.audit.record(tx, this.audit.entry(tx, { action, outcome, resource, details }));
    await this.outbox.add(tx, event, id, { ...facts, kind, schedule, path: `/api/v1/reports/${id}` });
  }
}

/** PostgreSQL has cut off a statement: it would take as long the next time. */
function isStatementTimeout(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === '57014';
}

function manifestOf({ head }: Drawn, document: Drawn['documents'][number]): ReportManifest {
  const { reportId, storeId, kind, parameters, moment, drawnAt, requestedBy, seal } = head;
  return {
    format: MANIFEST_FORMAT,
    reportId,
    storeId,
    kind,
    parameters,
    moment,
    drawnAt,
    requestedBy,
    seal,
    document,
  };
}
