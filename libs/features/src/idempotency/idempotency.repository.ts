import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { LessThanOrEqual } from 'typeorm';
import { IdempotencyRecordEntity } from './idempotency-record.entity.js';

type Held = Pick<IdempotencyRecordEntity, 'id'> & { readonly owner: string };

/** The rows of requests with an idempotency key. */
@Injectable()
export class IdempotencyRepository {
  constructor(private readonly database: Database) {}

  /** False when there is a record of that key already. */
  async insert(ctx: RequestContext, row: Partial<IdempotencyRecordEntity>): Promise<boolean> {
    const result = await this.database
      .manager(ctx)
      .createQueryBuilder()
      .insert()
      .into(IdempotencyRecordEntity)
      .values({ ...row, storeId: ctx.storeId } as never)
      .orIgnore()
      .returning('id')
      .execute();
    return (result.raw as unknown[]).length === 1;
  }

  find(ctx: RequestContext, keyHash: Buffer): Promise<IdempotencyRecordEntity | null> {
    return this.database.repository(ctx, IdempotencyRecordEntity).findOneBy({ storeId: ctx.storeId, keyHash });
  }

  /** Changes a record that is running under that owner. False when it is not. */
  async update(
    ctx: RequestContext,
    { keyHash, owner }: { readonly keyHash: Buffer; readonly owner: string },
    set: Partial<IdempotencyRecordEntity>,
  ): Promise<boolean> {
    const where = { storeId: ctx.storeId, keyHash, owner, state: 'running' as const };
    const result = await this.database.repository(ctx, IdempotencyRecordEntity).update(where, set as never);
    return result.affected === 1;
  }

  /** Removes a record that is running under that owner. */
  async remove(ctx: RequestContext, keyHash: Buffer, { id, owner }: Held): Promise<void> {
    const where = { storeId: ctx.storeId, keyHash, id, owner, state: 'running' as const };
    await this.database.repository(ctx, IdempotencyRecordEntity).delete(where);
  }

  async removeIfExpired(ctx: RequestContext, keyHash: Buffer, now: Date): Promise<void> {
    const where = { storeId: ctx.storeId, keyHash, expiresAt: LessThanOrEqual(now) };
    await this.database.repository(ctx, IdempotencyRecordEntity).delete(where);
  }

  /** Removes some expired records, the oldest first. Returns how many. */
  async removeExpired(ctx: RequestContext, now: Date, limit: number): Promise<number> {
    const [, count] = (await this.database.manager(ctx).query(
      `delete from idempotency_record where (store_id, key_hash) in (
         select store_id, key_hash from idempotency_record where store_id = $1 and expires_at <= $2
         order by expires_at limit $3 for update skip locked)`,
      [ctx.storeId, now, limit],
    )) as [unknown, number];
    return count;
  }

  /** Makes whatever is running free to be taken over. */
  async expireLeases(ctx: RequestContext): Promise<void> {
    const where = { storeId: ctx.storeId, state: 'running' as const };
    await this.database.repository(ctx, IdempotencyRecordEntity).update(where, { leaseUntil: null });
  }
}
