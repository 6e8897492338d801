import { newId, type RequestContext } from '@claviger/kernel';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { MoreThan } from 'typeorm';
import { ReportScheduleEntity } from './report-schedule.entity.js';
import { scheduleExists } from './report.errors.js';

type Row = ReportScheduleEntity;
export type NewScheduleRow = Omit<
  Row,
  'storeId' | 'id' | 'lastRunAt' | 'lastReportId' | 'lastError' | 'revision' | 'createdAt' | 'updatedAt'
>;

/** The rows of report schedules. */
@Injectable()
export class ReportScheduleRepository {
  constructor(private readonly database: Database) {}

  /** @throws AppError REPORT_SCHEDULE_EXISTS */
  async insert(tx: RequestContext, row: NewScheduleRow): Promise<Row> {
    const repository = this.database.repository(tx, ReportScheduleEntity);
    const id = newId();
    try {
      await repository.insert({ ...row, storeId: tx.storeId, id } as never);
    } catch (error) {
      if (isUniqueViolation(error, 'uq_report_schedule_name')) throw scheduleExists(row.name);
      throw error;
    }
    return repository.findOneByOrFail({ storeId: tx.storeId, id });
  }

  find(ctx: RequestContext, name: string): Promise<Row | null> {
    return this.database.repository(ctx, ReportScheduleEntity).findOneBy({ storeId: ctx.storeId, name });
  }

  /** The same, kept from being changed until the transaction ends. */
  lock(tx: RequestContext, name: string): Promise<Row | null> {
    const where = { storeId: tx.storeId, name };
    const lock = { mode: 'pessimistic_write' } as const;
    return this.database.repository(tx, ReportScheduleEntity).findOne({ where, lock });
  }

  /** By name, from the one after `after`. */
  list(ctx: RequestContext, limit: number, after = ''): Promise<Row[]> {
    const where = { storeId: ctx.storeId, name: MoreThan(after) };
    return this.database.repository(ctx, ReportScheduleEntity).find({ where, order: { name: 'ASC' }, take: limit });
  }

  /** Changes a row, counts its revision up and gives it as it is then. */
  async update(tx: RequestContext, id: string, set: Partial<Row>): Promise<Row> {
    const repository = this.database.repository(tx, ReportScheduleEntity);
    const where = { storeId: tx.storeId, id };
    await repository.update(where, { ...set, revision: () => 'revision + 1', updatedAt: () => 'now()' } as never);
    return repository.findOneByOrFail(where);
  }

  async remove(tx: RequestContext, id: string): Promise<void> {
    await this.database.repository(tx, ReportScheduleEntity).delete({ storeId: tx.storeId, id });
  }

  /** The one that has been due the longest, kept from others until the transaction ends. */
  async takeDue(tx: RequestContext, now: Date): Promise<Row | undefined> {
    const [row] = (await this.database.manager(tx).query(
      `select name from report_schedule where store_id = $1 and is_enabled and next_run_at <= $2
       order by next_run_at, id limit 1 for update skip locked`,
      [tx.storeId, now],
    )) as { name: string }[];
    return row && ((await this.find(tx, row.name)) ?? undefined);
  }

  /** Notes a run; its revision counts what people change, and stays. */
  async noteRun(
    tx: RequestContext,
    id: string,
    run: Pick<Row, 'nextRunAt' | 'lastRunAt' | 'lastError'> & { readonly lastReportId?: string },
  ): Promise<void> {
    await this.database.repository(tx, ReportScheduleEntity).update({ storeId: tx.storeId, id }, run);
  }
}
