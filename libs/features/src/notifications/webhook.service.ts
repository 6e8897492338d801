import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, newId, type Clock, type RequestContext, type SecretValue } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { MessageSender, type SendOutcome } from './message-sender.js';
import { SigningSecrets } from './signing-secrets.js';
import {
  checkDescription,
  checkedAuthorities,
  checkedFilter,
  checkSubscriptionName,
  checkWebhookUrl,
} from './subscription-input.policy.js';
import { SubscriptionKeeper } from './subscription-keeper.js';
import type { SubscriptionEntity } from './subscription.entity.js';
import { SubscriptionRepository, type SubscriptionColumns } from './subscription.repository.js';
import { newSigningSecret } from './webhook-signature.js';

type Row = SubscriptionEntity;

/** A webhook as it is shown: without its secrets. */
export type WebhookView = Pick<
  Row,
  | 'id'
  | 'name'
  | 'description'
  | 'eventTypes'
  | 'caCertificate'
  | 'isEnabled'
  | 'disabledReason'
  | 'failingSince'
  | 'previousSecretUntil'
  | 'revision'
  | 'createdAt'
  | 'updatedAt'
> & { readonly url: string };

export type WebhookSettings = {
  readonly url: string;
  readonly eventTypes: readonly string[];
  readonly description?: string;
  readonly caCertificate?: string | null;
  readonly isEnabled?: boolean;
};

/** A webhook and its signing secret, which is told this once. */
export type WebhookWithSecret = { readonly webhook: WebhookView; readonly secret: SecretValue };

/** Keeps webhooks. Whoever may create one hears of every event of the store: it is a capability of its own. */
@Injectable()
export class WebhookService {
  constructor(
    private readonly database: Database,
    private readonly subscriptions: SubscriptionRepository,
    private readonly keeper: SubscriptionKeeper,
    private readonly secrets: SigningSecrets,
    private readonly sender: MessageSender,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** By name, from the one after `after`. @throws AppError ACCESS_DENIED */
  async list(ctx: RequestContext, limit: number, after?: string): Promise<WebhookView[]> {
    return (await this.keeper.list(ctx, 'webhook', limit, after)).map(toView);
  }

  /** @throws AppError ACCESS_DENIED, WEBHOOK_NOT_FOUND */
  async get(ctx: RequestContext, name: string): Promise<WebhookView> {
    return toView(await this.keeper.get(ctx, 'webhook', name));
  }

  /** @throws AppError ACCESS_DENIED, INPUT_INVALID, WEBHOOK_EXISTS */
  async create(ctx: RequestContext, wanted: WebhookSettings & { readonly name: string }): Promise<WebhookWithSecret> {
    const { name, ...settings } = wanted;
    checkSubscriptionName(name);
    this.keeper.authorize(ctx, 'webhook', name, 'create');
    const columns = checked(settings);
    const [id, secret] = [newId(), newSigningSecret()];
    return this.database.transaction(ctx, async (tx) => {
      const sealed = this.secrets.first(tx.storeId, id, secret);
      const row = await this.subscriptions.insert(tx, { ...columns, ...sealed, kind: 'webhook', id, name });
      await this.keeper.record(tx, 'create', row, facts(row));
      return { webhook: toView(row), secret };
    });
  }

  /**
   * Enabling one that was disabled begins anew: what waits is sent, and it may fail for days again.
   * @throws AppError ACCESS_DENIED, INPUT_INVALID, WEBHOOK_NOT_FOUND, STALE_MATCH
   */
  async update(
    ctx: RequestContext,
    name: string,
    changes: Partial<WebhookSettings>,
    expectedRevision?: number,
  ): Promise<WebhookView> {
    this.keeper.authorize(ctx, 'webhook', name, 'update');
    const columns = checked(changes);
    return this.database.transaction(ctx, async (tx) => {
      const old = await this.keeper.lock(tx, 'webhook', name, expectedRevision);
      const anew = columns.isEnabled === undefined ? {} : { disabledReason: null, failingSince: null };
      const row = await this.subscriptions.update(tx, old.id, { ...columns, ...anew });
      await this.keeper.record(tx, 'update', row, { fields: Object.keys(columns).join(','), ...facts(row) });
      return toView(row);
    });
  }

  /** @throws AppError ACCESS_DENIED, WEBHOOK_NOT_FOUND, STALE_MATCH */
  async remove(ctx: RequestContext, name: string, expectedRevision?: number): Promise<void> {
    this.keeper.authorize(ctx, 'webhook', name, 'delete');
    await this.database.transaction(ctx, async (tx) => {
      const row = await this.keeper.lock(tx, 'webhook', name, expectedRevision);
      await this.subscriptions.remove(tx, row.id);
      await this.keeper.record(tx, 'delete', row);
    });
  }

  /**
   * Replaces the secret. Messages are signed with both for 24 hours; a third one ends the first.
   * @throws AppError ACCESS_DENIED, WEBHOOK_NOT_FOUND
   */
  async rotateSecret(ctx: RequestContext, name: string): Promise<WebhookWithSecret> {
    this.keeper.authorize(ctx, 'webhook', name, 'update');
    return this.database.transaction(ctx, async (tx) => {
      const old = await this.keeper.lock(tx, 'webhook', name);
      const secret = newSigningSecret();
      const row = await this.subscriptions.update(tx, old.id, this.secrets.rotated(old, secret));
      await this.keeper.record(tx, 'rotate-secret', row);
      return { webhook: toView(row), secret };
    });
  }

  /**
   * Sends `webhook.ping` now, once, whether it is enabled or not. It is no event and no delivery: nothing comes of a failure.
   * @throws AppError ACCESS_DENIED, WEBHOOK_NOT_FOUND
   */
  async ping(ctx: RequestContext, name: string): Promise<Pick<SendOutcome, 'statusCode' | 'error'>> {
    const row = await this.keeper.get(ctx, 'webhook', name, 'update');
    // Before it is sent: whoever lets Claviger connect somewhere leaves a trace, also where that does not end well.
    await this.database.transaction(ctx, (tx) => this.keeper.record(tx, 'ping', row, facts(row)));
    const occurredAt = this.clock.now();
    const id = newId();
    const event = { id, eventId: id, type: 'webhook.ping', subjectId: row.id, facts: { name }, occurredAt };
    const { statusCode, error } = await this.sender.send(ctx, row, event);
    return { statusCode, error };
  }
}

/** @throws AppError INPUT_INVALID */
function checked(settings: Partial<WebhookSettings>): SubscriptionColumns {
  const { url, eventTypes, description, caCertificate, isEnabled } = settings;
  if (url !== undefined) checkWebhookUrl(url);
  if (description !== undefined) checkDescription(description);
  return {
    ...(url !== undefined && { url }),
    ...(eventTypes && { eventTypes: checkedFilter(eventTypes) }),
    ...(description !== undefined && { description }),
    ...(caCertificate !== undefined && { caCertificate: caCertificate && checkedAuthorities(caCertificate) }),
    ...(isEnabled !== undefined && { isEnabled }),
  };
}

/** The host alone: the rest of an address is often what its receiver is opened with. */
const facts = ({ url, eventTypes }: Row): { host: string; eventTypes: string } => ({
  host: new URL(url!).host,
  eventTypes: eventTypes.join(','),
});

function toView(row: Row): WebhookView {
  const { id, name, description, eventTypes, caCertificate, isEnabled, disabledReason, failingSince } = row;
  const { previousSecretUntil, revision, createdAt, updatedAt } = row;
  const state = { isEnabled, disabledReason, failingSince, previousSecretUntil };
  return { id, name, description, url: row.url!, eventTypes, caCertificate, ...state, revision, createdAt, updatedAt };
}
