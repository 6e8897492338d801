import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { ApprovalDelegationEntity } from './approval-delegation.entity.js';

/** A delegation with the names of both sides. */
export type Delegation = {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly until: Date;
  readonly createdAt: Date;
};

/** The rows of delegations. */
@Injectable()
export class DelegationRepository {
  constructor(private readonly database: Database) {}

  async insert(
    tx: RequestContext,
    row: Pick<ApprovalDelegationEntity, 'id' | 'fromId' | 'toId' | 'until'>,
  ): Promise<void> {
    await this.database.repository(tx, ApprovalDelegationEntity).insert({ ...row, storeId: tx.storeId });
  }

  /** Whether there was one of that id and giver. */
  async remove(tx: RequestContext, id: string, fromId: string): Promise<boolean> {
    const where = { storeId: tx.storeId, id, fromId };
    return (await this.database.repository(tx, ApprovalDelegationEntity).delete(where)).affected === 1;
  }

  /** Those that a user gave or got and that have not ended, the first to end first. */
  async listOf(ctx: RequestContext, userId: string, now: Date, limit: number): Promise<Delegation[]> {
    return (await this.database.manager(ctx).query(
      `select d.id, f.name as "from", t.name as "to", d.until, d.created_at as "createdAt"
       from approval_delegation d
       join principal f on f.store_id = d.store_id and f.id = d.from_id
       join principal t on t.store_id = d.store_id and t.id = d.to_id
       where d.store_id = $1 and (d.from_id = $2 or d.to_id = $2) and d.until > $3 order by d.until, d.id limit $4`,
      [ctx.storeId, userId, now, limit],
    )) as Delegation[];
  }

  /** Who delegated their votes to a user. */
  async listTo(ctx: RequestContext, userId: string, now: Date): Promise<{ id: string; name: string }[]> {
    return (await this.database.manager(ctx).query(
      `select distinct p.id, p.name from approval_delegation d
       join principal p on p.store_id = d.store_id and p.id = d.from_id
       where d.store_id = $1 and d.to_id = $2 and d.until > $3 order by p.name`,
      [ctx.storeId, userId, now],
    )) as { id: string; name: string }[];
  }
}
