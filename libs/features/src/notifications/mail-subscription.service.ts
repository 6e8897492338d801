import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { checkAddress, checkDescription, checkedFilter, checkSubscriptionName } from './subscription-input.policy.js';
import { SubscriptionKeeper } from './subscription-keeper.js';
import type { SubscriptionEntity } from './subscription.entity.js';
import { SubscriptionRepository, type SubscriptionColumns } from './subscription.repository.js';

/** A mail subscription as it is shown. */
export type MailSubscriptionView = Pick<
  SubscriptionEntity,
  'id' | 'name' | 'description' | 'eventTypes' | 'isEnabled' | 'revision' | 'createdAt' | 'updatedAt'
> & { readonly address: string };

export type MailSubscriptionSettings = {
  readonly address: string;
  readonly eventTypes: readonly string[];
  readonly description?: string;
  readonly isEnabled?: boolean;
};

/** Keeps who gets mail about what. */
@Injectable()
export class MailSubscriptionService {
  constructor(
    private readonly database: Database,
    private readonly subscriptions: SubscriptionRepository,
    private readonly keeper: SubscriptionKeeper,
  ) {}

  /** By name, from the one after `after`. @throws AppError ACCESS_DENIED */
  async list(ctx: RequestContext, limit: number, after?: string): Promise<MailSubscriptionView[]> {
    return (await this.keeper.list(ctx, 'mail', limit, after)).map(toView);
  }

  /** @throws AppError ACCESS_DENIED, MAIL_SUBSCRIPTION_NOT_FOUND */
  async get(ctx: RequestContext, name: string): Promise<MailSubscriptionView> {
    return toView(await this.keeper.get(ctx, 'mail', name));
  }

  /** @throws AppError ACCESS_DENIED, INPUT_INVALID, MAIL_SUBSCRIPTION_EXISTS */
  async create(
    ctx: RequestContext,
    wanted: MailSubscriptionSettings & { readonly name: string },
  ): Promise<MailSubscriptionView> {
    const { name, ...settings } = wanted;
    checkSubscriptionName(name);
    this.keeper.authorize(ctx, 'mail', name, 'create');
    const columns = checked(settings);
    return this.database.transaction(ctx, async (tx) => {
      const row = await this.subscriptions.insert(tx, { ...columns, kind: 'mail', name });
      await this.keeper.record(tx, 'create', row, facts(row));
      return toView(row);
    });
  }

  /** @throws AppError ACCESS_DENIED, INPUT_INVALID, MAIL_SUBSCRIPTION_NOT_FOUND, STALE_MATCH */
  async update(
    ctx: RequestContext,
    name: string,
    changes: Partial<MailSubscriptionSettings>,
    expectedRevision?: number,
  ): Promise<MailSubscriptionView> {
    this.keeper.authorize(ctx, 'mail', name, 'update');
    const columns = checked(changes);
    return this.database.transaction(ctx, async (tx) => {
      const old = await this.keeper.lock(tx, 'mail', name, expectedRevision);
      const row = await this.subscriptions.update(tx, old.id, columns);
      await this.keeper.record(tx, 'update', row, { fields: Object.keys(columns).join(','), ...facts(row) });
      return toView(row);
    });
  }

  /** @throws AppError ACCESS_DENIED, MAIL_SUBSCRIPTION_NOT_FOUND, STALE_MATCH */
  async remove(ctx: RequestContext, name: string, expectedRevision?: number): Promise<void> {
    this.keeper.authorize(ctx, 'mail', name, 'delete');
    await this.database.transaction(ctx, async (tx) => {
      const row = await this.keeper.lock(tx, 'mail', name, expectedRevision);
      await this.subscriptions.remove(tx, row.id);
      await this.keeper.record(tx, 'delete', row);
    });
  }
}

/** @throws AppError INPUT_INVALID */
function checked(settings: Partial<MailSubscriptionSettings>): SubscriptionColumns {
  const { address, eventTypes, description, isEnabled } = settings;
  if (address !== undefined) checkAddress(address);
  if (description !== undefined) checkDescription(description);
  return {
    ...(address !== undefined && { address }),
    ...(eventTypes && { eventTypes: checkedFilter(eventTypes) }),
    ...(description !== undefined && { description }),
    ...(isEnabled !== undefined && { isEnabled }),
  };
}

const facts = ({ address, eventTypes }: SubscriptionEntity): { address: string; eventTypes: string } => ({
  address: address!,
  eventTypes: eventTypes.join(','),
});

function toView(row: SubscriptionEntity): MailSubscriptionView {
  const { id, name, description, address, eventTypes, isEnabled, revision, createdAt, updatedAt } = row;
  return { id, name, description, address: address!, eventTypes, isEnabled, revision, createdAt, updatedAt };
}
