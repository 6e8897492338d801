import { Injectable } from '@nestjs/common';
import { SecretValue, type RequestContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { In } from 'typeorm';
import { PlanEntity, PlanItemEntity } from './plan.entity.js';
import { joinRequest, type PlanRequest } from './plan-request.js';
import { PLAN_STATES, isEnded, statesBefore, type PlanState } from './plan-state.js';

export type PlanListQuery = {
  readonly limit: number;
  /** The id of the last one of the page before. */
  readonly before?: string;
  readonly state?: PlanState;
  /** Of this identity only. */
  readonly requesterId?: string;
};

/** A new item, with the value that is to be sealed. */
export type NewPlanItem = Partial<PlanItemEntity> & { readonly id: string; readonly content?: SecretValue<string> };

export type Lease = { readonly owner: string; readonly until: Date };

const WORKED_ON = ['judging', 'applying'] as const;
const OPEN = PLAN_STATES.filter((state) => !isEnded(state));

/** The rows of plans and their items. */
@Injectable()
export class PlanRepository {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
  ) {}

  /** False when there is a plan of that id already. In a transaction. */
  async insert(tx: RequestContext, plan: Partial<PlanEntity>, items: readonly NewPlanItem[]): Promise<boolean> {
    const inserted = await this.database
      .manager(tx)
      .createQueryBuilder()
      .insert()
      .into(PlanEntity)
      .values({ ...plan, storeId: tx.storeId } as never)
      .orIgnore()
      .returning('id')
      .execute();
    if ((inserted.raw as unknown[]).length === 0) return false;
    const rows = items.map(({ content, ...item }) => ({
      ...item,
      storeId: tx.storeId,
      payload: content ? this.keyring.seal(tx.storeId, payloadRow(item.id), content.reveal()) : null,
    }));
    await this.database.repository(tx, PlanItemEntity).insert(rows as never);
    return true;
  }

  find(ctx: RequestContext, id: string): Promise<PlanEntity | null> {
    return this.database.repository(ctx, PlanEntity).findOneBy({ storeId: ctx.storeId, id });
  }

  /** Newest first. */
  list(ctx: RequestContext, { limit, before, state, requesterId }: PlanListQuery): Promise<PlanEntity[]> {
    const select = this.database
      .repository(ctx, PlanEntity)
      .createQueryBuilder('p')
      .where('p.store_id = :storeId', { storeId: ctx.storeId })
      .orderBy('p.id', 'DESC')
      .limit(limit);
    if (before) select.andWhere('p.id < :before', { before });
    if (state) select.andWhere('p.state = :state', { state });
    if (requesterId !== undefined) select.andWhere(`p.requested_by->>'id' = :requesterId`, { requesterId });
    return select.getMany();
  }

  /** Those of these plans that are in one of these states. */
  async findInStates(ctx: RequestContext, ids: readonly string[], states: readonly PlanState[]): Promise<string[]> {
    const where = { storeId: ctx.storeId, id: In(ids), state: In(states) };
    const found = await this.database.repository(ctx, PlanEntity).find({ where, select: { id: true } });
    return found.map(({ id }) => id);
  }

  /** How many plans of an identity are not ended. */
  async countOpen(ctx: RequestContext, requesterId: string): Promise<number> {
    const [row] = (await this.database
      .manager(ctx)
      .query(
        `select count(*)::int as count from plan where store_id = $1 and requested_by->>'id' = $2 and state = any($3)`,
        [ctx.storeId, requesterId, OPEN],
      )) as [{ count: number }];
    return row.count;
  }

  /**
   * Moves a plan from where that is allowed. One that is being applied is moved by its `owner` only, as is anything else that
   * an owner is given for. False when it was not so.
   */
  async move(
    ctx: RequestContext,
    id: string,
    to: PlanState,
    set: Partial<PlanEntity>,
    owner?: string,
  ): Promise<boolean> {
    const from = statesBefore(to).filter((state) => owner !== undefined || state !== 'applying');
    const where = { storeId: ctx.storeId, id, state: In(from), ...(owner === undefined ? {} : { leaseOwner: owner }) };
    const result = await this.database.repository(ctx, PlanEntity).update(where, { ...set, state: to });
    return result.affected === 1;
  }

  /** Asks whoever applies a plan to stop. False when it is not being applied. */
  async stop(ctx: RequestContext, id: string): Promise<boolean> {
    const where = { storeId: ctx.storeId, id, state: 'applying' as const };
    return (await this.database.repository(ctx, PlanEntity).update(where, { isStopping: true })).affected === 1;
  }

  /** Takes a plan that is judged or applied by nobody. Undefined when there is none such of that id. */
  async claim(ctx: RequestContext, id: string, { owner, until }: Lease, now: Date): Promise<PlanEntity | undefined> {
    const [, claimed] = (await this.database.manager(ctx).query(
      `update plan set lease_owner = $3, lease_until = $4
       where store_id = $1 and id = $2 and state = any($5) and (lease_until is null or lease_until < $6)`,
      [ctx.storeId, id, owner, until, WORKED_ON, now],
    )) as [unknown, number];
    return claimed === 1 ? ((await this.find(ctx, id)) ?? undefined) : undefined;
  }

  /** Keeps a plan for some more time; undefined when it is not in these hands any more. */
  async renew(ctx: RequestContext, id: string, { owner, until }: Lease): Promise<PlanEntity | undefined> {
    const where = { storeId: ctx.storeId, id, state: In(WORKED_ON), leaseOwner: owner };
    const result = await this.database.repository(ctx, PlanEntity).update(where, { leaseUntil: until });
    return result.affected === 1 ? ((await this.find(ctx, id)) ?? undefined) : undefined;
  }

  /** Lets go of a plan, for anybody to take. */
  async release(ctx: RequestContext, id: string, owner: string): Promise<void> {
    const where = { storeId: ctx.storeId, id, leaseOwner: owner };
    await this.database.repository(ctx, PlanEntity).update(where, { leaseOwner: null, leaseUntil: null });
  }

  /** Lets go of all plans. */
  async expireLeases(ctx: RequestContext): Promise<void> {
    const where = { storeId: ctx.storeId, state: In(WORKED_ON) };
    await this.database.repository(ctx, PlanEntity).update(where, { leaseOwner: null, leaseUntil: null });
  }

  /** Ids of plans that somebody should go on with. */
  async listAbandoned(ctx: RequestContext, now: Date, limit: number): Promise<string[]> {
    const rows = (await this.database.manager(ctx).query(
      `select id from plan where store_id = $1 and state = any($2) and (lease_until is null or lease_until < $3)
       order by id limit $4`,
      [ctx.storeId, WORKED_ON, now, limit],
    )) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  /** Ids of plans whose time is over. */
  async listExpired(ctx: RequestContext, now: Date, limit: number): Promise<string[]> {
    const rows = (await this.database
      .manager(ctx)
      .query(
        `select id from plan where store_id = $1 and state = any($2) and expires_at <= $3 order by expires_at limit $4`,
        [ctx.storeId, statesBefore('expired'), now, limit],
      )) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  /** Removes some plans that ended before that moment, with their items. Returns how many. */
  async removeEnded(ctx: RequestContext, before: Date, limit: number): Promise<number> {
    const [, count] = (await this.database.manager(ctx).query(
      `delete from plan where (store_id, id) in (
         select store_id, id from plan where store_id = $1 and ended_at < $2 order by ended_at limit $3
         for update skip locked)`,
      [ctx.storeId, before, limit],
    )) as [unknown, number];
    return count;
  }

  /** The request of an item, with its value opened. */
  async openRequest(ctx: RequestContext, { id, kind, parameters }: PlanItemEntity): Promise<PlanRequest> {
    const select = { storeId: true, planId: true, number: true, payload: true } as const;
    const row = await this.database
      .repository(ctx, PlanItemEntity)
      .findOne({ where: { storeId: ctx.storeId, id }, select });
    const content = row?.payload && this.keyring.open(ctx.storeId, payloadRow(id), row.payload).toString('utf8');
    return joinRequest(kind, parameters, content ? new SecretValue(content) : undefined);
  }

  /** Items in their order, after a number. */
  listItems(
    ctx: RequestContext,
    planId: string,
    { limit, after = 0, isUnjudged }: { readonly limit: number; readonly after?: number; readonly isUnjudged?: true },
  ): Promise<PlanItemEntity[]> {
    const select = this.database
      .repository(ctx, PlanItemEntity)
      .createQueryBuilder('i')
      .where('i.store_id = :storeId and i.plan_id = :planId and i.number > :after', {
        storeId: ctx.storeId,
        planId,
        after,
      })
      .orderBy('i.number')
      .limit(limit);
    if (isUnjudged) select.andWhere(`i.action is null and i.state = 'open'`);
    return select.getMany();
  }

  /** The next item that is to be applied. */
  async findOpenItem(ctx: RequestContext, planId: string): Promise<PlanItemEntity | undefined> {
    const where = { storeId: ctx.storeId, planId, state: 'open' as const };
    const order = { number: 'ASC' } as const;
    return (await this.database.repository(ctx, PlanItemEntity).findOne({ where, order })) ?? undefined;
  }

  /** Changes an item that has not ended. */
  async updateItem(ctx: RequestContext, planId: string, number: number, set: Partial<PlanItemEntity>): Promise<void> {
    const where = { storeId: ctx.storeId, planId, number, state: 'open' as const };
    await this.database.repository(ctx, PlanItemEntity).update(where, set as never);
  }

  /** Ends items that have not ended, all or those of these actions, and erases their values. */
  async skipOpen(ctx: RequestContext, planId: string, endedAt: Date, actions?: readonly string[]): Promise<void> {
    await this.database.manager(ctx).query(
      `update plan_item set state = 'skipped', payload = null, base = null, ended_at = $3
       where store_id = $1 and plan_id = $2 and state = 'open' and ($4::text[] is null or action = any($4))`,
      [ctx.storeId, planId, endedAt, actions ?? null],
    );
  }

  /** How many items have which action and state, of these plans. */
  async tally(
    ctx: RequestContext,
    planIds: readonly string[],
  ): Promise<{ planId: string; action: string | null; state: PlanItemEntity['state']; count: number }[]> {
    if (planIds.length === 0) return [];
    return (await this.database.manager(ctx).query(
      `select plan_id as "planId", action, state, count(*)::int as count from plan_item
       where store_id = $1 and plan_id = any($2::uuid[]) group by plan_id, action, state`,
      [ctx.storeId, planIds],
    )) as { planId: string; action: string | null; state: PlanItemEntity['state']; count: number }[];
  }
}

const payloadRow = (id: string): string => `plan_item/${id}/payload`;
