import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { In } from 'typeorm';
import { ImportEntity, ImportItemEntity } from './import.entity.js';

export type ImportListQuery = {
  readonly limit: number;
  /** The id of the last one of the page before. */
  readonly before?: string;
  /** Of this identity only. */
  readonly requesterId?: string;
};

/** The rows of imports and what they found. */
@Injectable()
export class ImportRepository {
  constructor(private readonly database: Database) {}

  /** False when there is an import of that id already. */
  async insert(tx: RequestContext, row: Partial<ImportEntity>): Promise<boolean> {
    const query = this.database.manager(tx).createQueryBuilder().insert().into(ImportEntity);
    const inserted = await query
      .values({ ...row, storeId: tx.storeId } as never)
      .orIgnore()
      .returning('id')
      .execute();
    return (inserted.raw as unknown[]).length === 1;
  }

  find(ctx: RequestContext, id: string): Promise<ImportEntity | null> {
    return this.database.repository(ctx, ImportEntity).findOneBy({ storeId: ctx.storeId, id });
  }

  /** Newest first. */
  list(ctx: RequestContext, { limit, before, requesterId }: ImportListQuery): Promise<ImportEntity[]> {
    const select = this.database
      .repository(ctx, ImportEntity)
      .createQueryBuilder('i')
      .where('i.store_id = :storeId', { storeId: ctx.storeId })
      .orderBy('i.id', 'DESC')
      .limit(limit);
    if (before) select.andWhere('i.id < :before', { before });
    if (requesterId !== undefined) select.andWhere(`i.requested_by->>'id' = :requesterId`, { requesterId });
    return select.getMany();
  }

  async count(ctx: RequestContext, requesterId: string): Promise<number> {
    const [row] = (await this.database
      .manager(ctx)
      .query(`select count(*)::int as count from vault_import where store_id = $1 and requested_by->>'id' = $2`, [
        ctx.storeId,
        requesterId,
      ])) as [{ count: number }];
    return row.count;
  }

  async remove(ctx: RequestContext, id: string): Promise<boolean> {
    return (await this.database.repository(ctx, ImportEntity).delete({ storeId: ctx.storeId, id })).affected === 1;
  }

  /** Removes what has expired. Returns how many. */
  async removeExpired(ctx: RequestContext, now: Date, limit: number): Promise<number> {
    const [, count] = (await this.database.manager(ctx).query(
      `delete from vault_import where (store_id, id) in (
         select store_id, id from vault_import where store_id = $1 and expires_at <= $2 order by expires_at limit $3
         for update skip locked)`,
      [ctx.storeId, now, limit],
    )) as [unknown, number];
    return count;
  }

  /** Takes an import that is scanning and that nobody works on. */
  async claim(
    ctx: RequestContext,
    id: string,
    lease: { readonly owner: string; readonly until: Date },
    now: Date,
  ): Promise<ImportEntity | undefined> {
    const [, claimed] = (await this.database.manager(ctx).query(
      `update vault_import set lease_owner = $3, lease_until = $4
       where store_id = $1 and id = $2 and state = 'scanning' and (lease_until is null or lease_until < $5)`,
      [ctx.storeId, id, lease.owner, lease.until, now],
    )) as [unknown, number];
    return claimed === 1 ? ((await this.find(ctx, id)) ?? undefined) : undefined;
  }

  /** Changes an import that is scanned by `owner`. False when it is not any more. */
  async update(ctx: RequestContext, id: string, owner: string, set: Partial<ImportEntity>): Promise<boolean> {
    const where = { storeId: ctx.storeId, id, state: 'scanning' as const, leaseOwner: owner };
    return (await this.database.repository(ctx, ImportEntity).update(where, set)).affected === 1;
  }

  /** Ids of imports that somebody should go on with. */
  async listAbandoned(ctx: RequestContext, now: Date, limit: number): Promise<string[]> {
    const rows = (await this.database.manager(ctx).query(
      `select id from vault_import where store_id = $1 and state = 'scanning' and (lease_until is null or lease_until < $2)
       order by id limit $3`,
      [ctx.storeId, now, limit],
    )) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  /** Lets go of all imports. */
  async expireLeases(ctx: RequestContext): Promise<void> {
    const where = { storeId: ctx.storeId, state: 'scanning' as const };
    await this.database.repository(ctx, ImportEntity).update(where, { leaseOwner: null, leaseUntil: null });
  }

  async insertItems(tx: RequestContext, items: readonly Partial<ImportItemEntity>[]): Promise<void> {
    const rows = items.map((item) => ({ ...item, storeId: tx.storeId }));
    if (rows.length > 0) await this.database.repository(tx, ImportItemEntity).insert(rows as never);
  }

  /** In the order in which they were found, after a number. */
  listItems(
    ctx: RequestContext,
    importId: string,
    {
      limit,
      after = 0,
      choosable,
    }: {
      readonly limit: number;
      readonly after?: number;
      /** Those of a certain type that are in no plan, or in one of these. */
      readonly choosable?: { readonly unapplied: readonly string[] };
    },
  ): Promise<ImportItemEntity[]> {
    const select = this.database
      .repository(ctx, ImportItemEntity)
      .createQueryBuilder('i')
      .where('i.store_id = :storeId and i.import_id = :importId and i.number > :after', {
        storeId: ctx.storeId,
        importId,
        after,
      })
      .orderBy('i.number')
      .limit(limit);
    if (choosable)
      select.andWhere(
        'i.is_certain and i.name is not null and (i.plan_id is null or i.plan_id = any(:unapplied::uuid[]))',
        choosable,
      );
    return select.getMany();
  }

  /** The plans that were made of it. */
  async listPlans(ctx: RequestContext, importId: string): Promise<string[]> {
    const rows = (await this.database
      .manager(ctx)
      .query(
        'select distinct plan_id as id from vault_import_item where store_id = $1 and import_id = $2 and plan_id is not null',
        [ctx.storeId, importId],
      )) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  findItems(ctx: RequestContext, importId: string, numbers: readonly number[]): Promise<ImportItemEntity[]> {
    const where = { storeId: ctx.storeId, importId, number: In(numbers) };
    return this.database.repository(ctx, ImportItemEntity).findBy(where);
  }

  async markPlanned(ctx: RequestContext, importId: string, numbers: readonly number[], planId: string): Promise<void> {
    const where = { storeId: ctx.storeId, importId, number: In(numbers) };
    await this.database.repository(ctx, ImportItemEntity).update(where, { planId });
  }
}
