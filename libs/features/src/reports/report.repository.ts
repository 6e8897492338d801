import { newId, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { In, LessThan } from 'typeorm';
import type { ReportFormat, ReportKind } from './report-parameters.js';
import { ReportChunkEntity, ReportDocumentEntity, ReportEntity, type ReportState } from './report.entity.js';

export type ReportListQuery = {
  readonly limit: number;
  /** The id of the last one of the page before. */
  readonly after?: string;
  readonly kinds: readonly ReportKind[];
  readonly state?: ReportState;
  readonly schedule?: string;
};

/** A report that this process is to draw, and the token that proves it. */
export type ClaimedReport = ReportEntity & { readonly claim: string };

type NewReport = Pick<
  ReportEntity,
  'kind' | 'parameters' | 'formats' | 'requestedBy' | 'schedule' | 'createdAt' | 'nextAttemptAt'
>;

/** The rows of reports and of their documents. */
@Injectable()
export class ReportRepository {
  constructor(private readonly database: Database) {}

  async insert(tx: RequestContext, report: NewReport): Promise<ReportEntity> {
    const repository = this.database.repository(tx, ReportEntity);
    const id = newId();
    await repository.insert({ ...report, storeId: tx.storeId, id } as never);
    return repository.findOneByOrFail({ storeId: tx.storeId, id });
  }

  find(ctx: RequestContext, id: string): Promise<ReportEntity | null> {
    return this.database.repository(ctx, ReportEntity).findOneBy({ storeId: ctx.storeId, id });
  }

  /** The newest first. */
  list(ctx: RequestContext, { limit, after, kinds, state, schedule }: ReportListQuery): Promise<ReportEntity[]> {
    return this.database.repository(ctx, ReportEntity).find({
      where: {
        storeId: ctx.storeId,
        kind: In(kinds),
        ...(after !== undefined && { id: LessThan(after) }),
        ...(state && { state }),
        ...(schedule !== undefined && { schedule }),
      },
      order: { id: 'DESC' },
      take: limit,
    });
  }

  /** How many wait or are being drawn. */
  countOpen(ctx: RequestContext): Promise<number> {
    const where = { storeId: ctx.storeId, state: In(['queued', 'running']) };
    return this.database.repository(ctx, ReportEntity).countBy(where);
  }

  documents(ctx: RequestContext, reportIds: readonly string[]): Promise<ReportDocumentEntity[]> {
    const where = { storeId: ctx.storeId, reportId: In(reportIds) };
    return this.database.repository(ctx, ReportDocumentEntity).find({ where, order: { format: 'ASC' } });
  }

  /** The audit keys that reports were signed under. */
  async auditKeyIds(ctx: RequestContext): Promise<string[]> {
    const rows = (await this.database
      .manager(ctx)
      .query(`select distinct audit_key_id as id from report_document where store_id = $1 order by 1`, [
        ctx.storeId,
      ])) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  /** Takes the one that has been due the longest, for as long as the lease; also one whose worker let the lease run out. */
  async claim(ctx: RequestContext, now: Date, leasedUntil: Date): Promise<ClaimedReport | undefined> {
    const [rows] = (await this.database.manager(ctx).query(
      `with due as (
         select store_id, id from report where store_id = $1 and state in ('queued', 'running') and next_attempt_at <= $2
           and (leased_until is null or leased_until <= $2)
         order by next_attempt_at, id limit 1 for update skip locked
       )
       update report r set state = 'running', claim = $3, leased_until = $4, attempts = attempts + 1, scanned = 0
       from due where r.store_id = due.store_id and r.id = due.id returning r.id`,
      [ctx.storeId, now, newId(), leasedUntil],
    )) as [{ id: string }[], number];
    const [claimed] = rows;
    return claimed && ((await this.find(ctx, claimed.id)) as ClaimedReport);
  }

  /** Changes a report that is still drawn under this claim. False when it is not. */
  async update(
    ctx: RequestContext,
    { id, claim }: Pick<ClaimedReport, 'id' | 'claim'>,
    set: Partial<ReportEntity>,
  ): Promise<boolean> {
    const where = { storeId: ctx.storeId, id, claim, state: 'running' as const };
    return (await this.database.repository(ctx, ReportEntity).update(where, set as never)).affected === 1;
  }

  /** Adds a piece of a document while the claim holds. False when it does not. */
  async addChunk(
    ctx: RequestContext,
    { id, claim }: Pick<ClaimedReport, 'id' | 'claim'>,
    chunk: { readonly format: ReportFormat; readonly number: number; readonly bytes: Buffer },
  ): Promise<boolean> {
    const rows = (await this.database.manager(ctx).query(
      `insert into report_chunk (store_id, report_id, claim, format, number, bytes)
       select store_id, id, claim, $4, $5, $6 from report
       where store_id = $1 and id = $2 and claim = $3 and state = 'running' for share
       returning 1 as added`,
      [ctx.storeId, id, claim, chunk.format, chunk.number, chunk.bytes],
    )) as unknown[];
    return rows.length === 1;
  }

  async insertDocument(tx: RequestContext, document: Omit<ReportDocumentEntity, 'storeId'>): Promise<void> {
    await this.database.repository(tx, ReportDocumentEntity).insert({ ...document, storeId: tx.storeId });
  }

  /** Removes the pieces of all attempts but this one. */
  async removeOtherChunks(ctx: RequestContext, { id, claim }: Pick<ClaimedReport, 'id' | 'claim'>): Promise<void> {
    await this.database
      .manager(ctx)
      .query(`delete from report_chunk where store_id = $1 and report_id = $2 and claim <> $3`, [
        ctx.storeId,
        id,
        claim,
      ]);
  }

  async removeChunks(ctx: RequestContext, reportId: string): Promise<void> {
    await this.database.repository(ctx, ReportChunkEntity).delete({ storeId: ctx.storeId, reportId });
  }

  /** One piece of a document; undefined behind the last one. */
  async chunk(ctx: RequestContext, document: ReportDocumentEntity, number: number): Promise<Buffer | undefined> {
    const { reportId, claim, format } = document;
    const where = { storeId: ctx.storeId, reportId, claim, format, number };
    return (await this.database.repository(ctx, ReportChunkEntity).findOneBy(where))?.bytes;
  }

  /** Erases the documents of one report whose time is over; what is known of them stays. False when there was none. */
  async expireOne(tx: RequestContext, now: Date): Promise<boolean> {
    const [rows] = (await this.database.manager(tx).query(
      `with over as (
         select store_id, id from report where store_id = $1 and state = 'done' and expires_at <= $2
         order by expires_at limit 1 for update skip locked
       )
       update report r set state = 'expired' from over where r.store_id = over.store_id and r.id = over.id returning r.id`,
      [tx.storeId, now],
    )) as [{ id: string }[], number];
    if (rows[0]) await this.removeChunks(tx, rows[0].id);
    return rows.length === 1;
  }
}
