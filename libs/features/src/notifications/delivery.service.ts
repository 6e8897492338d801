import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, isId, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { DeliveryEntity } from './delivery.entity.js';
import { DeliveryRepository, type DeliveryQuery } from './delivery.repository.js';
import { deliveryNotFound, deliveryPending } from './notifications.errors.js';
import { SubscriptionKeeper } from './subscription-keeper.js';
import type { SubscriptionKind } from './subscription.entity.js';

/** What became of one event for one subscription; nothing of what the receiver answered but its status. */
export type DeliveryView = Pick<
  DeliveryEntity,
  'id' | 'eventId' | 'type' | 'subjectId' | 'state' | 'attempts' | 'statusCode' | 'error' | 'occurredAt' | 'endedAt'
> & { readonly nextAttemptAt: Date | null };

/** Shows deliveries, and sends them again. */
@Injectable()
export class DeliveryService {
  constructor(
    private readonly database: Database,
    private readonly deliveries: DeliveryRepository,
    private readonly keeper: SubscriptionKeeper,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The newest first. @throws AppError ACCESS_DENIED, WEBHOOK_NOT_FOUND, MAIL_SUBSCRIPTION_NOT_FOUND */
  async list(ctx: RequestContext, kind: SubscriptionKind, name: string, query: DeliveryQuery): Promise<DeliveryView[]> {
    const { id } = await this.keeper.get(ctx, kind, name);
    return (await this.deliveries.list(ctx, id, query)).map(toView);
  }

  /**
   * Sends one again, under the same message id, with all its attempts before it.
   * @throws AppError ACCESS_DENIED, WEBHOOK_NOT_FOUND, DELIVERY_NOT_FOUND, DELIVERY_PENDING
   */
  async replay(ctx: RequestContext, name: string, id: string): Promise<DeliveryView> {
    this.keeper.authorize(ctx, 'webhook', name, 'update');
    return this.database.transaction(ctx, async (tx) => {
      const webhook = await this.keeper.lock(tx, 'webhook', name);
      if (!isId(id) || !(await this.deliveries.find(tx, webhook.id, id))) throw deliveryNotFound();
      if (!(await this.deliveries.reopen(tx, id, this.clock.now()))) throw deliveryPending();
      await this.keeper.record(tx, 'replay', webhook, { deliveryId: id });
      return toView((await this.deliveries.find(tx, webhook.id, id))!);
    });
  }
}

function toView(row: DeliveryEntity): DeliveryView {
  const { id, eventId, type, subjectId, state, attempts, statusCode, error, occurredAt, endedAt } = row;
  const nextAttemptAt = state === 'pending' ? row.nextAttemptAt : null;
  return { id, eventId, type, subjectId, state, attempts, nextAttemptAt, statusCode, error, occurredAt, endedAt };
}
