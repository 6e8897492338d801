import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { AccessService } from '@claviger/features/access';
import { AuditService, type AuditDetails } from '@claviger/features/audit';
import { principalErrors } from '@claviger/features/principals';
import { subscriptionNotFound } from './notifications.errors.js';
import type { SubscriptionEntity, SubscriptionKind } from './subscription.entity.js';
import { isSubscriptionName } from './subscription-input.policy.js';
import { SubscriptionRepository } from './subscription.repository.js';

type Operation = Parameters<AccessService['authorize']>[2];

const RESOURCES: Readonly<Record<SubscriptionKind, string>> = {
  webhook: 'claviger/webhooks/',
  mail: 'claviger/mail-subscriptions/',
};
const AUDITED: Readonly<Record<SubscriptionKind, string>> = { webhook: 'webhook', mail: 'mail-subscription' };

/** What webhooks and mail subscriptions have in common: who may, which row, and the record of it. */
@Injectable()
export class SubscriptionKeeper {
  constructor(
    private readonly subscriptions: SubscriptionRepository,
    private readonly access: AccessService,
    private readonly audit: AuditService,
  ) {}

  /** @throws AppError ACCESS_DENIED */
  authorize(ctx: RequestContext, kind: SubscriptionKind, name: string, operation: Operation): void {
    // What cannot be a name is quoted nowhere: it may be something that was pasted by mistake.
    if (name !== '' && !isSubscriptionName(name)) throw subscriptionNotFound(kind);
    this.access.authorize(ctx, `${RESOURCES[kind]}${name}`, operation);
  }

  /** By name, from the one after `after`. @throws AppError ACCESS_DENIED */
  list(ctx: RequestContext, kind: SubscriptionKind, limit: number, after?: string): Promise<SubscriptionEntity[]> {
    this.authorize(ctx, kind, '', 'list');
    return this.subscriptions.list(ctx, kind, limit, after);
  }

  /** @throws AppError ACCESS_DENIED, WEBHOOK_NOT_FOUND, MAIL_SUBSCRIPTION_NOT_FOUND */
  async get(
    ctx: RequestContext,
    kind: SubscriptionKind,
    name: string,
    operation: Operation = 'read',
  ): Promise<SubscriptionEntity> {
    this.authorize(ctx, kind, name, operation);
    const row = await this.subscriptions.find(ctx, kind, name);
    if (!row) throw subscriptionNotFound(kind);
    return row;
  }

  /** Keeps one from being changed until the transaction ends. @throws AppError WEBHOOK_NOT_FOUND, STALE_MATCH … */
  async lock(
    tx: RequestContext,
    kind: SubscriptionKind,
    name: string,
    expectedRevision?: number,
  ): Promise<SubscriptionEntity> {
    const row = await this.subscriptions.lock(tx, kind, name);
    if (!row) throw subscriptionNotFound(kind);
    if (expectedRevision !== undefined && expectedRevision !== row.revision)
      throw principalErrors.staleMatch(row.revision);
    return row;
  }

  /** The entry of the audit log about a mutation, in its transaction. */
  async record(tx: RequestContext, act: string, row: SubscriptionEntity, details: AuditDetails = {}): Promise<void> {
    const noun = AUDITED[row.kind];
    const resource = { kind: noun, id: row.id, name: row.name };
    await this.audit.record(
      tx,
      this.audit.entry(tx, { action: `${noun}.${act}`, outcome: 'allowed', resource, details }),
    );
  }
}
