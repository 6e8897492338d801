import { newId, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { In, LessThan } from 'typeorm';
import { DeliveryEntity, type DeliveryState } from './delivery.entity.js';
import type { SubscriptionKind } from './subscription.entity.js';

/** An event as it was taken out of the outbox. */
export type OutboxEvent = {
  readonly id: string;
  readonly type: string;
  readonly subjectId: string | null;
  readonly facts: object;
  readonly occurredAt: Date;
};

/** An event on its way to somebody; `id` is what they know the message by. */
export type Message = OutboxEvent & { readonly eventId: string };

/** One delivery that this process is to send, and the token that proves it. */
export type ClaimedDelivery = Message & {
  readonly subscriptionId: string;
  readonly attempts: number;
  readonly claim: string;
};

export type ClaimQuery = {
  readonly kinds: readonly SubscriptionKind[];
  /** How many of which subscription this process is sending already. */
  readonly busy: ReadonlyMap<string, number>;
  /** Most at a time for each subscription; one, where the last attempt failed. */
  readonly perSubscription: number;
  readonly limit: number;
  readonly now: Date;
  readonly leasedUntil: Date;
};

export type DeliveryQuery = {
  readonly limit: number;
  /** The id of the last one of the page before. */
  readonly after?: string;
  readonly state?: DeliveryState;
  readonly type?: string;
};

/** What is known after an attempt. */
export type AttemptResult = Pick<DeliveryEntity, 'state' | 'nextAttemptAt' | 'statusCode' | 'error' | 'endedAt'>;

const COLUMNS = `d.id, d.event_id as "eventId", d.type, d.subject_id as "subjectId", d.facts, d.occurred_at as "occurredAt",
  d.subscription_id as "subscriptionId", d.attempts, d.claim`;

/** The rows of deliveries, and of the outbox that they are made from. */
@Injectable()
export class DeliveryRepository {
  constructor(private readonly database: Database) {}

  /**
   * Takes events out of the outbox, the oldest first, of those that are committed and that nobody else is taking. With the
   * transaction they are gone, or there again: whatever commits late is simply found later.
   */
  async takeEvents(tx: RequestContext, limit: number): Promise<OutboxEvent[]> {
    const [rows] = (await this.database.manager(tx).query(
      `with next as (
         select store_id, id from event where store_id = $1 order by id limit $2 for update skip locked
       )
       delete from event e using next n where e.store_id = n.store_id and e.id = n.id
       returning e.id, e.type, e.subject_id as "subjectId", e.facts, e.created_at as "occurredAt"`,
      [tx.storeId, limit],
    )) as [OutboxEvent[], number];
    return rows;
  }

  async insert(
    tx: RequestContext,
    due: Date,
    wanted: readonly { readonly subscriptionId: string; readonly event: OutboxEvent }[],
  ): Promise<void> {
    const rows = wanted.map(({ subscriptionId, event: { id: eventId, ...event } }) => ({
      ...event,
      storeId: tx.storeId,
      id: newId(),
      subscriptionId,
      eventId,
      nextAttemptAt: due,
      createdAt: due,
    }));
    await this.database.repository(tx, DeliveryEntity).insert(rows);
  }

  /** Takes what is due, for as long as the lease; each delivery is taken by one process. */
  async claim(ctx: RequestContext, query: ClaimQuery): Promise<ClaimedDelivery[]> {
    const { kinds, busy, perSubscription, limit, now, leasedUntil } = query;
    const [rows] = (await this.database.manager(ctx).query(
      `with room as (
         select s.store_id, s.id,
           greatest(0, case when s.failing_since is null then $4::int else 1 end - coalesce(b.count, 0)) as free
         from notification_subscription s left join unnest($2::uuid[], $3::int[]) as b (id, count) on b.id = s.id
         where s.store_id = $1 and s.is_enabled and s.kind = any($9)
       ), due as (
         select d.store_id, d.id from room r cross join lateral (
           select d.store_id, d.id from notification_delivery d
           where d.store_id = r.store_id and d.subscription_id = r.id and d.state = 'pending' and d.next_attempt_at <= $5
             and (d.leased_until is null or d.leased_until <= $5)
           order by d.next_attempt_at, d.id limit r.free for update skip locked
         ) d limit $6
       )
       update notification_delivery d set claim = $7, leased_until = $8
       from due where d.store_id = due.store_id and d.id = due.id returning ${COLUMNS}`,
      [ctx.storeId, [...busy.keys()], [...busy.values()], perSubscription, now, limit, newId(), leasedUntil, kinds],
    )) as [ClaimedDelivery[], number];
    return rows;
  }

  /** Notes an attempt; false when somebody else has the delivery by now, or it is gone. */
  async record(tx: RequestContext, { id, claim }: ClaimedDelivery, result: AttemptResult): Promise<boolean> {
    const set = { ...result, attempts: () => 'attempts + 1', claim: null, leasedUntil: null };
    const where = { storeId: tx.storeId, id, claim };
    const { affected } = await this.database.repository(tx, DeliveryEntity).update(where, set);
    return affected === 1;
  }

  /** The newest first. */
  list(ctx: RequestContext, subscriptionId: string, query: DeliveryQuery): Promise<DeliveryEntity[]> {
    const { limit, after, state, type } = query;
    return this.database.repository(ctx, DeliveryEntity).find({
      where: {
        storeId: ctx.storeId,
        subscriptionId,
        ...(after !== undefined && { id: LessThan(after) }),
        ...(state && { state }),
        ...(type !== undefined && { type }),
      },
      order: { id: 'DESC' },
      take: limit,
    });
  }

  async find(ctx: RequestContext, subscriptionId: string, id: string): Promise<DeliveryEntity | undefined> {
    const where = { storeId: ctx.storeId, subscriptionId, id };
    return (await this.database.repository(ctx, DeliveryEntity).findOneBy(where)) ?? undefined;
  }

  /** Makes an ended one due again, from the first attempt; false when it has not ended. */
  async reopen(tx: RequestContext, id: string, now: Date): Promise<boolean> {
    const where = { storeId: tx.storeId, id, state: In(['delivered', 'failed']) };
    const set = { state: 'pending' as const, attempts: 0, nextAttemptAt: now, endedAt: null, error: null };
    return (await this.database.repository(tx, DeliveryEntity).update(where, set)).affected === 1;
  }

  /** Removes what was made before; returns how many, at most `limit`. */
  async removeOld(ctx: RequestContext, before: Date, limit: number): Promise<number> {
    const [, count] = (await this.database.manager(ctx).query(
      `delete from notification_delivery d using (
         select store_id, id from notification_delivery where store_id = $1 and created_at < $2
         order by created_at limit $3 for update skip locked
       ) old where d.store_id = old.store_id and d.id = old.id`,
      [ctx.storeId, before, limit],
    )) as [unknown, number];
    return count;
  }

  /** What people call the thing that an event is about: the name of a secret, or of what a change is about. */
  async subjectName(ctx: RequestContext, subjectId: string): Promise<string | undefined> {
    const rows = (await this.database.manager(ctx).query(
      `select name from secret where store_id = $1 and id = $2
       union all select parameters->'subject'->>'name' from change where store_id = $1 and id = $2
       union all select kind from report where store_id = $1 and id = $2
       union all select name from report_schedule where store_id = $1 and id = $2
       union all select name from notification_subscription where store_id = $1 and id = $2 limit 1`,
      [ctx.storeId, subjectId],
    )) as { name: string | null }[];
    return rows[0]?.name ?? undefined;
  }
}
