import { newId, type RequestContext } from '@claviger/kernel';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { policyExists } from './access.errors.js';
import { PolicyEntity } from './policy.entity.js';

/** The rows of the policies that somebody wrote; the ready ones are not among them. */
@Injectable()
export class PolicyRepository {
  constructor(private readonly database: Database) {}

  /** @throws AppError POLICY_EXISTS */
  async insert(tx: RequestContext, row: Pick<PolicyEntity, 'name' | 'description' | 'text'>): Promise<PolicyEntity> {
    const repository = this.database.repository(tx, PolicyEntity);
    const entity = repository.create({ ...row, storeId: tx.storeId, id: newId() });
    try {
      await repository.insert(entity);
    } catch (error) {
      if (isUniqueViolation(error, 'uq_policy_name')) throw policyExists(row.name);
      throw error;
    }
    return { ...entity, revision: 1 };
  }

  async find(ctx: RequestContext, name: string): Promise<PolicyEntity | undefined> {
    const where = { storeId: ctx.storeId, name };
    return (await this.database.repository(ctx, PolicyEntity).findOneBy(where)) ?? undefined;
  }

  /** The same, kept from being changed or removed until the transaction ends. */
  async lock(tx: RequestContext, name: string): Promise<PolicyEntity | undefined> {
    const where = { storeId: tx.storeId, name };
    const lock = { mode: 'pessimistic_write' } as const;
    return (await this.database.repository(tx, PolicyEntity).findOne({ where, lock })) ?? undefined;
  }

  /** By name, without the texts. */
  list(
    ctx: RequestContext,
    page: { limit: number; after?: string },
  ): Promise<Pick<PolicyEntity, 'name' | 'description' | 'revision'>[]> {
    const select = this.database
      .repository(ctx, PolicyEntity)
      .createQueryBuilder('p')
      .select(['p.storeId', 'p.id', 'p.name', 'p.description', 'p.revision'])
      .where('p.store_id = :storeId', { storeId: ctx.storeId })
      .orderBy('p.name')
      .limit(page.limit);
    if (page.after !== undefined) select.andWhere('p.name > :after', { after: page.after });
    return select.getMany();
  }

  async update(tx: RequestContext, id: string, text: string): Promise<void> {
    const set = { text, revision: () => 'revision + 1', updatedAt: () => 'now()' };
    await this.database.repository(tx, PolicyEntity).update({ storeId: tx.storeId, id }, set);
  }

  async remove(tx: RequestContext, id: string): Promise<void> {
    await this.database.repository(tx, PolicyEntity).delete({ storeId: tx.storeId, id });
  }
}
