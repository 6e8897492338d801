import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, faultPoint, type Clock, type RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { Database } from '@claviger/platform/database';
import { Logger } from '@claviger/platform/telemetry';
import { DeliveryRepository, type AttemptResult, type ClaimedDelivery } from './delivery.repository.js';
import { MessageSender, type SendOutcome } from './message-sender.js';
import { Outbox } from './outbox.js';
import { hasFailedLong, nextDelayMs } from './retry-schedule.policy.js';
import type { DisabledReason, SubscriptionEntity } from './subscription.entity.js';
import { SubscriptionRepository } from './subscription.repository.js';

const PER_SUBSCRIPTION = 4;
const AT_ONCE = 64;
/** Longer than any attempt takes: sending ends after 15 seconds. */
const LEASE_MS = 60_000;

/**
 * Sends what is due. Each delivery is one attempt beside the others: a slow receiver holds up its own alone, four at a
 * time, and only one once it has failed. An attempt is recorded after it was made, so a crash in between repeats it.
 */
@Injectable()
export class Deliverer {
  readonly #busy = new Map<string, number>();
  readonly #attempts = new Set<Promise<void>>();
  #claiming: Promise<void> = Promise.resolve();
  #sending = 0;
  #isStopping = false;

  constructor(
    private readonly database: Database,
    private readonly subscriptions: SubscriptionRepository,
    private readonly deliveries: DeliveryRepository,
    private readonly sender: MessageSender,
    private readonly audit: AuditService,
    private readonly outbox: Outbox,
    private readonly logger: Logger,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Begins to send what is due, and whatever is due when one of these ends. Resolves when they have begun. */
  async start(ctx: RequestContext): Promise<void> {
    // One after another: each must see what the one before has taken.
    this.#claiming = this.#claiming.then(
      () => this.#claim(ctx),
      () => this.#claim(ctx),
    );
    await this.#claiming;
  }

  /** Resolves when nothing is being sent any more. */
  async settle(): Promise<void> {
    while (this.#attempts.size > 0) await Promise.all(this.#attempts);
  }

  /** Begins nothing any more, and resolves when what has begun has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.settle();
  }

  async #claim(ctx: RequestContext): Promise<void> {
    const limit = AT_ONCE - this.#sending;
    if (this.#isStopping || limit <= 0) return;
    const now = this.clock.now();
    const leasedUntil = new Date(now.getTime() + LEASE_MS);
    const { kinds } = this.sender;
    const query = { kinds, busy: this.#busy, perSubscription: PER_SUBSCRIPTION, limit, now, leasedUntil };
    for (const claimed of await this.deliveries.claim(ctx, query)) this.#begin(ctx, claimed);
  }

  #begin(ctx: RequestContext, claimed: ClaimedDelivery): void {
    this.#count(claimed.subscriptionId, 1);
    const attempt = this.#attempt(ctx, claimed)
      .finally(() => this.#count(claimed.subscriptionId, -1))
      .then(() => this.start(ctx))
      // The lease runs out, and the delivery is found again.
      .catch((error: unknown) => this.logger.error('notification.attempt_failed', { deliveryId: claimed.id }, error))
      .finally(() => this.#attempts.delete(attempt));
    this.#attempts.add(attempt);
  }

  #count(subscriptionId: string, change: 1 | -1): void {
    this.#sending += change;
    const count = (this.#busy.get(subscriptionId) ?? 0) + change;
    if (count > 0) this.#busy.set(subscriptionId, count);
    else this.#busy.delete(subscriptionId);
  }

  async #attempt(ctx: RequestContext, claimed: ClaimedDelivery): Promise<void> {
    const subscription = await this.subscriptions.findById(ctx, claimed.subscriptionId);
    if (!subscription) return;
    const outcome = await this.sender.send(ctx, subscription, claimed);
    faultPoint('notification.sent');
    await this.database.transaction(ctx, async (tx) => {
      if (!(await this.deliveries.record(tx, claimed, this.#resultOf(claimed, outcome)))) return;
      if (outcome.result === 'delivered') return this.subscriptions.noteSuccess(tx, subscription.id);
      if (outcome.result === 'gone') return this.#disable(tx, subscription, 'gone');
      if (subscription.kind !== 'webhook') return;
      const now = this.clock.now();
      const since = await this.subscriptions.noteFailure(tx, subscription.id, now);
      if (since && hasFailedLong(since, now)) await this.#disable(tx, subscription, 'failing');
    });
  }

  #resultOf({ attempts }: ClaimedDelivery, outcome: SendOutcome): AttemptResult {
    const now = this.clock.now();
    const { result, statusCode, error, retryAfterMs } = outcome;
    const ended = { nextAttemptAt: now, statusCode, error, endedAt: now };
    if (result === 'delivered') return { ...ended, state: 'delivered' };
    const delay = result === 'failed' ? nextDelayMs(attempts + 1, Math.random(), retryAfterMs) : undefined;
    if (delay === undefined) return { ...ended, state: 'failed' };
    return { ...ended, state: 'pending', nextAttemptAt: new Date(now.getTime() + delay), endedAt: null };
  }

  async #disable(tx: RequestContext, { id, name }: SubscriptionEntity, reason: DisabledReason): Promise<void> {
    if (!(await this.subscriptions.disable(tx, id, reason))) return;
    const resource = { kind: 'webhook', id, name };
    const details = { reason };
    const entry = this.audit.entry(tx, { action: 'webhook.disable', outcome: 'allowed', resource, details });
    await this.audit.record(tx, entry);
    await this.outbox.add(tx, 'webhook.disabled', id, { name, reason });
  }
}
