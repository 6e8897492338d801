import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { IsNull, Not, type SelectQueryBuilder } from 'typeorm';
import { TokenEntity } from './token.entity.js';

/**
 * Neither the token nor one that it descends from has ended, and uses are left. The caller's own may have spent its last
 * use on this very request.
 */
const IS_ALIVE = `(t.expires_at is null or t.expires_at > :now)
  and (t.uses_left is null or t.uses_left > 0 or t.id::text = :callerId)
  and not exists (select from token a where a.store_id = t.store_id and a.id = any(t.ancestors) and a.expires_at <= :now)`;

type TokenKey = { readonly id: string } | { readonly accessor: string };

/** The rows of tokens. What has ended is not found. */
@Injectable()
export class TokenRepository {
  constructor(private readonly database: Database) {}

  async insert(tx: RequestContext, row: Partial<TokenEntity>): Promise<void> {
    await this.database.repository(tx, TokenEntity).insert({ ...row, storeId: tx.storeId } as never);
  }

  async find(ctx: RequestContext, key: TokenKey, now: Date): Promise<TokenEntity | undefined> {
    return (
      (await this.#alive(ctx, now)
        .andWhere(...keyCondition(key))
        .getOne()) ?? undefined
    );
  }

  /** The same, kept from being changed or removed until the transaction ends. */
  async lock(tx: RequestContext, key: TokenKey, now: Date): Promise<TokenEntity | undefined> {
    const select = this.#alive(tx, now).andWhere(...keyCondition(key));
    return (await select.setLock('pessimistic_write').getOne()) ?? undefined;
  }

  /** The same, kept from being removed only, so that many children can be made at a time. */
  async holdParent(tx: RequestContext, id: string, now: Date): Promise<TokenEntity | undefined> {
    const select = this.#alive(tx, now).andWhere(...keyCondition({ id }));
    return (await select.setLock('for_key_share').getOne()) ?? undefined;
  }

  /** By accessor, which is random and so says nothing about age. */
  list(ctx: RequestContext, page: { limit: number; after?: string }, now: Date): Promise<TokenEntity[]> {
    const select = this.#alive(ctx, now).orderBy('t.accessor').limit(page.limit);
    if (page.after !== undefined) select.andWhere('t.accessor > :after', { after: page.after });
    return select.getMany();
  }

  /** Those of log-ins; their descendants go with them. */
  async removeOfPrincipal(tx: RequestContext, principalId: string, exceptId: string): Promise<number> {
    const { affected } = await this.database.repository(tx, TokenEntity).delete({
      storeId: tx.storeId,
      principalId,
      parentId: IsNull(),
      id: Not(exceptId),
    });
    return affected ?? 0;
  }

  /** The same of several, and of none excepted. */
  async removeOfPrincipals(tx: RequestContext, principalIds: readonly string[]): Promise<number> {
    const [, removed] = (await this.database
      .manager(tx)
      .query(`delete from token where store_id = $1 and principal_id = any($2::uuid[]) and parent_id is null`, [
        tx.storeId,
        principalIds,
      ])) as [unknown, number];
    return removed;
  }

  async renew(tx: RequestContext, id: string, expiresAt: Date, renewedAt: Date): Promise<void> {
    const where = { storeId: tx.storeId, id };
    await this.database.repository(tx, TokenEntity).update(where, { expiresAt, renewedAt });
  }

  async countDescendants(ctx: RequestContext, id: string): Promise<number> {
    const [row] = (await this.database.manager(ctx).query(
      `with recursive descendant (id) as (
         select id from token where store_id = $1 and parent_id = $2
         union all select t.id from token t join descendant d on t.store_id = $1 and t.parent_id = d.id)
       select count(*)::int as count from descendant`,
      [ctx.storeId, id],
    )) as [{ count: number }];
    return row.count;
  }

  /** Removes a token; the foreign key removes all its descendants with it. */
  async remove(tx: RequestContext, id: string): Promise<void> {
    await this.database.repository(tx, TokenEntity).delete({ storeId: tx.storeId, id });
  }

  /** Removes at most `limit` tokens that have ended, with their descendants. Returns how many of the former. */
  async removeEnded(ctx: RequestContext, now: Date, limit: number): Promise<number> {
    const [, removed] = (await this.database.manager(ctx).query(
      `delete from token where (store_id, id) in (
         select store_id, id from token where store_id = $1 and (expires_at <= $2 or uses_left = 0)
         limit $3 for update skip locked)`,
      [ctx.storeId, now, limit],
    )) as [unknown, number];
    return removed;
  }

  existsAny(ctx: RequestContext): Promise<boolean> {
    return this.database.repository(ctx, TokenEntity).existsBy({ storeId: ctx.storeId });
  }

  #alive(ctx: RequestContext, now: Date): SelectQueryBuilder<TokenEntity> {
    return this.database
      .repository(ctx, TokenEntity)
      .createQueryBuilder('t')
      .where(`t.store_id = :storeId and ${IS_ALIVE}`, { storeId: ctx.storeId, now, callerId: ctx.actor.id });
  }
}

function keyCondition(key: TokenKey): [string, TokenKey] {
  return ['id' in key ? 't.id = :id' : 't.accessor = :accessor', key];
}
