import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { Database } from '@claviger/platform/database';
import { AccessEpoch } from './access-epoch.js';
import { policyExists, policyNameInvalid, policyNotFound, policyReadOnly, policyStale } from './access.errors.js';
import { AccessService } from './access.service.js';
import type { PolicyEntity } from './policy.entity.js';
import { parsePolicy, READY_POLICIES, ROOT_POLICY } from './policy/index.js';
import { PolicyRepository } from './policy.repository.js';

/** A policy as it is shown; ready ones cannot be changed. */
export type PolicyView = {
  readonly name: string;
  readonly description: string;
  readonly policy: string;
  readonly isReady: boolean;
  readonly revision: number;
};

const NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/;
const path = (name: string): string => `claviger/policies/${name}`;

/** Keeps policies. A change acts on existing tokens at once. */
@Injectable()
export class PolicyService {
  constructor(
    private readonly database: Database,
    private readonly policies: PolicyRepository,
    private readonly access: AccessService,
    private readonly epoch: AccessEpoch,
    private readonly audit: AuditService,
  ) {}

  /** The ready ones, then one's own, each by name. */
  async list(ctx: RequestContext): Promise<PolicyView[]> {
    this.access.authorize(ctx, path(''), 'list');
    return [...READY.values(), ...(await this.policies.list(ctx)).map(toView)];
  }

  /** @throws AppError POLICY_NOT_FOUND */
  async get(ctx: RequestContext, name: string): Promise<PolicyView> {
    this.access.authorize(ctx, path(name), 'read');
    const ready = READY.get(name);
    if (ready) return ready;
    const row = await this.policies.find(ctx, name);
    if (!row) throw policyNotFound(name);
    return toView(row);
  }

  /** @throws AppError POLICY_INVALID with line and column, POLICY_EXISTS */
  async create(ctx: RequestContext, name: string, text: string): Promise<PolicyView> {
    this.access.authorize(ctx, path(name), 'create');
    if (!NAME.test(name)) throw policyNameInvalid();
    refuseReady(name);
    parsePolicy(text);
    return this.database.transaction(ctx, async (tx) => {
      if (!(await this.policies.insert(tx, name, text))) throw policyExists(name);
      await this.#changed(tx, 'policy.create', name);
      return toView({ name, text, revision: 1 });
    });
  }

  /** @throws AppError POLICY_INVALID with line and column, POLICY_NOT_FOUND, STALE_MATCH */
  async update(ctx: RequestContext, name: string, text: string, expectedRevision?: number): Promise<PolicyView> {
    this.access.authorize(ctx, path(name), 'update');
    refuseReady(name);
    parsePolicy(text);
    return this.database.transaction(ctx, async (tx) => {
      const { revision } = await this.#lock(tx, name, expectedRevision);
      await this.policies.update(tx, name, text, revision + 1);
      await this.#changed(tx, 'policy.update', name);
      return toView({ name, text, revision: revision + 1 });
    });
  }

  /** @throws AppError POLICY_NOT_FOUND, STALE_MATCH */
  async remove(ctx: RequestContext, name: string, expectedRevision?: number): Promise<void> {
    this.access.authorize(ctx, path(name), 'delete');
    refuseReady(name);
    await this.database.transaction(ctx, async (tx) => {
      await this.#lock(tx, name, expectedRevision);
      await this.policies.remove(tx, name);
      await this.#changed(tx, 'policy.delete', name);
    });
  }

  async #lock(tx: RequestContext, name: string, expectedRevision: number | undefined): Promise<PolicyEntity> {
    const row = await this.policies.lock(tx, name);
    if (!row) throw policyNotFound(name);
    if (expectedRevision !== undefined && expectedRevision !== row.revision) throw policyStale(row.revision);
    return row;
  }

  async #changed(tx: RequestContext, action: string, name: string): Promise<void> {
    const resource = { kind: 'policy', name };
    await this.audit.record(tx, this.audit.entry(tx, { action, outcome: 'allowed', resource }));
    await this.epoch.bump(tx);
  }
}

const READY: ReadonlyMap<string, PolicyView> = new Map(
  READY_POLICIES.map(({ name, description, text }) => [
    name,
    { name, description, policy: text, isReady: true, revision: 1 },
  ]),
);

function refuseReady(name: string): void {
  if (READY.has(name) || name === ROOT_POLICY) throw policyReadOnly(name);
}

function toView({ name, text, revision }: Pick<PolicyEntity, 'name' | 'text' | 'revision'>): PolicyView {
  return { name, description: '', policy: text, isReady: false, revision };
}
