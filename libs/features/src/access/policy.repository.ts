import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { In } from 'typeorm';
import { PolicyEntity } from './policy.entity.js';
import { findReadyPolicy, parsePolicy, type NamedPolicy } from './policy/index.js';

/** The rows of policies; the ready ones are not among them. */
@Injectable()
export class PolicyRepository {
  constructor(private readonly database: Database) {}

  /** Those that exist, ready ones included, parsed. A name without a policy grants nothing. */
  async findParsed(storeId: string, names: readonly string[]): Promise<NamedPolicy[]> {
    const ready = names.map(findReadyPolicy).filter((policy) => policy !== undefined);
    const own = names.filter((name) => !findReadyPolicy(name));
    if (own.length === 0) return ready;
    const rows = await this.database.dataSource.getRepository(PolicyEntity).findBy({ storeId, name: In(own) });
    return [...ready, ...rows.map(({ name, text }) => ({ name, policy: parsePolicy(text) }))];
  }

  find(ctx: RequestContext, name: string): Promise<PolicyEntity | null> {
    return this.database.repository(ctx, PolicyEntity).findOneBy({ storeId: ctx.storeId, name });
  }

  list(ctx: RequestContext): Promise<PolicyEntity[]> {
    return this.database
      .repository(ctx, PolicyEntity)
      .find({ where: { storeId: ctx.storeId }, order: { name: 'ASC' } });
  }

  /** The policy, locked until the transaction ends. */
  lock(tx: RequestContext, name: string): Promise<PolicyEntity | null> {
    return this.database
      .repository(tx, PolicyEntity)
      .findOne({ where: { storeId: tx.storeId, name }, lock: { mode: 'pessimistic_write' } });
  }

  /** False when there is one of that name. */
  async insert(tx: RequestContext, name: string, text: string): Promise<boolean> {
    const result = await this.database
      .manager(tx)
      .createQueryBuilder()
      .insert()
      .into(PolicyEntity)
      .values({ storeId: tx.storeId, name, text })
      .orIgnore()
      .returning('name')
      .execute();
    return (result.raw as unknown[]).length === 1;
  }

  async update(tx: RequestContext, name: string, text: string, revision: number): Promise<void> {
    await this.database
      .repository(tx, PolicyEntity)
      .update({ storeId: tx.storeId, name }, { text, revision, updatedAt: () => 'now()' });
  }

  async remove(tx: RequestContext, name: string): Promise<void> {
    await this.database.repository(tx, PolicyEntity).delete({ storeId: tx.storeId, name });
  }
}
