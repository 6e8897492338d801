import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { TokenEntity } from './token.entity.js';

/** The rows of tokens. */
@Injectable()
export class TokenRepository {
  constructor(private readonly database: Database) {}

  /** The valid token of that hash; one with a use limit loses a use by it. */
  async use(storeId: string, hash: Buffer, now: Date): Promise<TokenEntity | null> {
    const repository = this.database.dataSource.getRepository(TokenEntity);
    const row = await repository.findOneBy({ storeId, hash });
    if (!row || (row.expiresAt !== null && row.expiresAt <= now)) return null;
    if (row.usesLeft === null) return row;
    const taken = await repository
      .createQueryBuilder()
      .update()
      .set({ usesLeft: () => 'uses_left - 1' })
      .where('store_id = :storeId and id = :id and uses_left > 0', { storeId, id: row.id })
      .execute();
    return taken.affected === 1 ? row : null;
  }

  async insert(tx: RequestContext, row: Partial<TokenEntity>): Promise<void> {
    await this.database.repository(tx, TokenEntity).insert(row as never);
  }

  find(ctx: RequestContext, id: string): Promise<TokenEntity | null> {
    return this.database.repository(ctx, TokenEntity).findOneBy({ storeId: ctx.storeId, id });
  }

  findByAccessor(ctx: RequestContext, accessor: string): Promise<TokenEntity | null> {
    return this.database.repository(ctx, TokenEntity).findOneBy({ storeId: ctx.storeId, accessor });
  }

  /** The token, locked until the transaction ends. */
  lock(tx: RequestContext, id: string): Promise<TokenEntity | null> {
    return this.database
      .repository(tx, TokenEntity)
      .findOne({ where: { storeId: tx.storeId, id }, lock: { mode: 'pessimistic_write' } });
  }

  async update(tx: RequestContext, id: string, set: Partial<TokenEntity>): Promise<void> {
    await this.database.repository(tx, TokenEntity).update({ storeId: tx.storeId, id }, set);
  }

  /** Removes a token and, through the foreign key, all its descendants. */
  async remove(tx: RequestContext, id: string): Promise<void> {
    await this.database.repository(tx, TokenEntity).delete({ storeId: tx.storeId, id });
  }

  /** Removes what has expired or is used up, with descendants. Returns how many of the former. */
  async removeEnded(ctx: RequestContext, now: Date): Promise<number> {
    const result = await this.database
      .repository(ctx, TokenEntity)
      .createQueryBuilder()
      .delete()
      .where('store_id = :storeId and (expires_at <= :now or uses_left <= 0)', { storeId: ctx.storeId, now })
      .execute();
    return result.affected ?? 0;
  }

  /** By accessor. */
  list(ctx: RequestContext, limit: number, after?: string): Promise<TokenEntity[]> {
    const select = this.database
      .repository(ctx, TokenEntity)
      .createQueryBuilder('t')
      .where('t.store_id = :storeId', { storeId: ctx.storeId })
      .orderBy('t.accessor')
      .limit(limit);
    if (after) select.andWhere('t.accessor > :after', { after });
    return select.getMany();
  }

  async exists(ctx: RequestContext): Promise<boolean> {
    return this.database.repository(ctx, TokenEntity).existsBy({ storeId: ctx.storeId });
  }

  /** Stores when and from where tokens were last used. */
  async markUsed(
    uses: readonly { readonly id: string; readonly at: Date; readonly address: string | null }[],
  ): Promise<void> {
    await this.database.dataSource.query(
      `update token set last_used_at = greatest(token.last_used_at, used.at), last_used_address = used.address
       from unnest($1::uuid[], $2::timestamptz[], $3::text[]) as used (id, at, address) where token.id = used.id`,
      [uses.map(({ id }) => id), uses.map(({ at }) => at), uses.map(({ address }) => address)],
    );
  }
}
