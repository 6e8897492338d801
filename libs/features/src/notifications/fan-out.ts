import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { DeliveryRepository } from './delivery.repository.js';
import { matchesType } from './event-filter.policy.js';
import { OutboxListeners } from './outbox-listeners.js';
import { SubscriptionRepository } from './subscription.repository.js';

const BATCH = 500;
/** Ended deliveries, and those that nobody could take, are forgotten after so long. */
const KEEP_MS = 30 * 86_400_000;

/** Makes deliveries of the events in the outbox, and tells the rooms that listen. */
@Injectable()
export class FanOut {
  constructor(
    private readonly database: Database,
    private readonly subscriptions: SubscriptionRepository,
    private readonly deliveries: DeliveryRepository,
    private readonly listeners: OutboxListeners,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** All that is committed now, in batches, each in a transaction of its own. Returns how many events it took. */
  async run(ctx: RequestContext, signal?: AbortSignal): Promise<number> {
    let taken = 0;
    for (;;) {
      const batch = await this.database.transaction(ctx, (tx) => this.#batch(tx));
      taken += batch;
      if (batch < BATCH || signal?.aborted) return taken;
    }
  }

  /** Removes deliveries of more than 30 days ago. */
  async removeOld(ctx: RequestContext, signal?: AbortSignal): Promise<void> {
    const before = new Date(this.clock.now().getTime() - KEEP_MS);
    while (!signal?.aborted && (await this.deliveries.removeOld(ctx, before, BATCH)) === BATCH);
  }

  async #batch(tx: RequestContext): Promise<number> {
    const events = await this.deliveries.takeEvents(tx, BATCH);
    if (events.length === 0) return 0;
    await this.listeners.tell(tx, events);
    const subscriptions = await this.subscriptions.holdEnabled(tx);
    const wanted = subscriptions.flatMap(({ id: subscriptionId, eventTypes }) =>
      events.filter(({ type }) => matchesType(eventTypes, type)).map((event) => ({ subscriptionId, event })),
    );
    // A statement has 65,535 parameters at most.
    for (let at = 0; at < wanted.length; at += BATCH)
      await this.deliveries.insert(tx, this.clock.now(), wanted.slice(at, at + BATCH));
    return events.length;
  }
}
