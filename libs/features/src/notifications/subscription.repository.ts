import { newId, type RequestContext } from '@claviger/kernel';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { IsNull, MoreThan, Not } from 'typeorm';
import { subscriptionExists } from './notifications.errors.js';
import { SubscriptionEntity, type DisabledReason, type SubscriptionKind } from './subscription.entity.js';

type Row = SubscriptionEntity;

/** What a person sets. */
export type SubscriptionColumns = Partial<
  Pick<
    Row,
    | 'description'
    | 'eventTypes'
    | 'isEnabled'
    | 'disabledReason'
    | 'failingSince'
    | 'url'
    | 'caCertificate'
    | 'secret'
    | 'previousSecret'
    | 'previousSecretUntil'
    | 'address'
  >
>;

/** The rows of webhooks and mail subscriptions. */
@Injectable()
export class SubscriptionRepository {
  constructor(private readonly database: Database) {}

  /** @throws AppError WEBHOOK_EXISTS, MAIL_SUBSCRIPTION_EXISTS */
  async insert(
    tx: RequestContext,
    row: { id?: string; kind: SubscriptionKind; name: string } & SubscriptionColumns,
  ): Promise<Row> {
    const repository = this.database.repository(tx, SubscriptionEntity);
    const { id = newId() } = row;
    try {
      await repository.insert({ description: '', ...row, storeId: tx.storeId, id });
    } catch (error) {
      if (isUniqueViolation(error, 'uq_notification_subscription_name')) throw subscriptionExists(row.kind, row.name);
      throw error;
    }
    return repository.findOneByOrFail({ storeId: tx.storeId, id });
  }

  async find(ctx: RequestContext, kind: SubscriptionKind, name: string): Promise<Row | undefined> {
    const where = { storeId: ctx.storeId, kind, name };
    return (await this.database.repository(ctx, SubscriptionEntity).findOneBy(where)) ?? undefined;
  }

  async findById(ctx: RequestContext, id: string): Promise<Row | undefined> {
    const where = { storeId: ctx.storeId, id };
    return (await this.database.repository(ctx, SubscriptionEntity).findOneBy(where)) ?? undefined;
  }

  /** The same, kept from being changed until the transaction ends. */
  async lock(tx: RequestContext, kind: SubscriptionKind, name: string): Promise<Row | undefined> {
    const where = { storeId: tx.storeId, kind, name };
    const lock = { mode: 'pessimistic_write' } as const;
    return (await this.database.repository(tx, SubscriptionEntity).findOne({ where, lock })) ?? undefined;
  }

  /** By name, from the one after `after`. */
  list(ctx: RequestContext, kind: SubscriptionKind, limit: number, after = ''): Promise<Row[]> {
    const where = { storeId: ctx.storeId, kind, name: MoreThan(after) };
    return this.database.repository(ctx, SubscriptionEntity).find({ where, order: { name: 'ASC' }, take: limit });
  }

  /** Which of those that are enabled want which events; none of them is deleted until the transaction ends. */
  async holdEnabled(tx: RequestContext): Promise<Pick<Row, 'id' | 'eventTypes'>[]> {
    return (await this.database.manager(tx).query(
      `select id, event_types as "eventTypes" from notification_subscription
       where store_id = $1 and is_enabled for key share`,
      [tx.storeId],
    )) as Pick<Row, 'id' | 'eventTypes'>[];
  }

  /** Changes a row, counts its revision up and gives it as it is then. */
  async update(tx: RequestContext, id: string, set: SubscriptionColumns): Promise<Row> {
    const repository = this.database.repository(tx, SubscriptionEntity);
    const where = { storeId: tx.storeId, id };
    await repository.update(where, { ...set, revision: () => 'revision + 1', updatedAt: () => 'now()' });
    return repository.findOneByOrFail(where);
  }

  /** Its deliveries go with it. */
  async remove(tx: RequestContext, id: string): Promise<void> {
    await this.database.repository(tx, SubscriptionEntity).delete({ storeId: tx.storeId, id });
  }

  /** Disables one; undefined when it is already. */
  async disable(tx: RequestContext, id: string, reason: DisabledReason): Promise<Row | undefined> {
    const where = { storeId: tx.storeId, id, isEnabled: true };
    const set = { isEnabled: false, disabledReason: reason, revision: () => 'revision + 1', updatedAt: () => 'now()' };
    const { affected } = await this.database.repository(tx, SubscriptionEntity).update(where, set);
    return affected === 1 ? this.findById(tx, id) : undefined;
  }

  /** Notes a failure; since when there have been failures only. Undefined when it is gone. */
  async noteFailure(tx: RequestContext, id: string, at: Date): Promise<Date | undefined> {
    const repository = this.database.repository(tx, SubscriptionEntity);
    await repository.update({ storeId: tx.storeId, id, failingSince: IsNull() }, { failingSince: at });
    return (await this.findById(tx, id))?.failingSince ?? undefined;
  }

  /** Notes a success; writes nothing where there was no failure. */
  async noteSuccess(tx: RequestContext, id: string): Promise<void> {
    const where = { storeId: tx.storeId, id, failingSince: Not(IsNull()) };
    await this.database.repository(tx, SubscriptionEntity).update(where, { failingSince: null });
  }
}
