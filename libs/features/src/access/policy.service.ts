import type { RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { AccessEpoch } from './access-epoch.js';
import { inputInvalid, policyImmutable, policyNotFound, stalePolicy } from './access.errors.js';
import { FIND_POLICIES, type FoundPolicy } from './access.hot.js';
import { AccessService } from './access.service.js';
import type { PolicyEntity } from './policy.entity.js';
import { isPolicyName } from './policy-name.js';
import { isTemplated, parsePolicy, READY_POLICIES, ROOT_POLICY } from './policy/index.js';
import { PolicyRepository } from './policy.repository.js';

/** A policy in a list. */
export type PolicySummary = {
  readonly name: string;
  readonly description: string;
  /** Comes with Claviger and cannot be changed. */
  readonly isReady: boolean;
  readonly revision: number;
};

/** A policy with its text, as it was sent. */
export type PolicyView = PolicySummary & { readonly policy: string };

const path = (name: string): string => `claviger/policies/${name}`;

/** Keeps policies. A change acts on existing tokens, in every process within a second. */
@Injectable()
export class PolicyService {
  constructor(
    private readonly database: Database,
    private readonly policies: PolicyRepository,
    private readonly access: AccessService,
    private readonly epoch: AccessEpoch,
    private readonly audit: AuditService,
  ) {}

  /** Ready and written ones together by name, from the one after `after`. @throws AppError ACCESS_DENIED */
  async list(ctx: RequestContext, limit: number, after = ''): Promise<PolicySummary[]> {
    this.access.authorize(ctx, path(''), 'list');
    const written = await this.policies.list(ctx, { limit, after });
    const ready = [...READY.values()].filter(({ name }) => name > after);
    return [...ready, ...written.map((row) => ({ ...row, isReady: false }))]
      .map(({ name, description, isReady, revision }) => ({ name, description, isReady, revision }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, limit);
  }

  /** Whether one of these policies means something else for each who has it: a path in it speaks of its caller. */
  async speaksOfCaller(ctx: RequestContext, names: readonly string[]): Promise<boolean> {
    const written = names.filter((name) => !READY.has(name));
    if (written.length === 0) return false;
    const { rows } = await this.database.execute<FoundPolicy>(ctx, FIND_POLICIES, [ctx.storeId, written]);
    return rows.some(({ text }) => isTemplated(text));
  }

  /** @throws AppError ACCESS_DENIED, POLICY_NOT_FOUND */
  async get(ctx: RequestContext, name: string): Promise<PolicyView> {
    refuseOtherThanName(name);
    this.access.authorize(ctx, path(name), 'read');
    const ready = READY.get(name);
    if (ready) return ready;
    const row = await this.policies.find(ctx, name);
    if (!row) throw policyNotFound();
    return toView(row);
  }

  /** @throws AppError ACCESS_DENIED, INPUT_INVALID, POLICY_INVALID (with line and column), POLICY_EXISTS, POLICY_IMMUTABLE */
  async create(ctx: RequestContext, name: string, text: string, description = ''): Promise<PolicyView> {
    if (!isPolicyName(name)) throw inputInvalid('name', '1 to 128 of a-z, 0-9, ".", "_" and "-" are allowed');
    this.access.authorize(ctx, path(name), 'create');
    refuseReady(name);
    parsePolicy(text);
    return this.database.transaction(ctx, async (tx) => {
      const row = await this.policies.insert(tx, { name, description, text });
      await this.#changed(tx, 'policy.create', row);
      return toView(row);
    });
  }

  /**
   * Replaces the text. `expectedRevision` makes sure that nothing was changed in the meantime.
   * @throws AppError ACCESS_DENIED, POLICY_INVALID (with line and column), POLICY_NOT_FOUND, POLICY_IMMUTABLE, STALE_MATCH
   */
  async update(ctx: RequestContext, name: string, text: string, expectedRevision?: number): Promise<PolicyView> {
    refuseOtherThanName(name);
    this.access.authorize(ctx, path(name), 'update');
    refuseReady(name);
    parsePolicy(text);
    return this.database.transaction(ctx, async (tx) => {
      const row = await this.#lock(tx, name, expectedRevision);
      await this.policies.update(tx, row.id, text);
      await this.#changed(tx, 'policy.update', row);
      return toView({ ...row, text, revision: row.revision + 1 });
    });
  }

  /** @throws AppError ACCESS_DENIED, POLICY_NOT_FOUND, POLICY_IMMUTABLE, STALE_MATCH */
  async remove(ctx: RequestContext, name: string, expectedRevision?: number): Promise<void> {
    refuseOtherThanName(name);
    this.access.authorize(ctx, path(name), 'delete');
    refuseReady(name);
    await this.database.transaction(ctx, async (tx) => {
      const row = await this.#lock(tx, name, expectedRevision);
      await this.policies.remove(tx, row.id);
      await this.#changed(tx, 'policy.delete', row);
    });
  }

  async #lock(tx: RequestContext, name: string, expectedRevision: number | undefined): Promise<PolicyEntity> {
    const row = await this.policies.lock(tx, name);
    if (!row) throw policyNotFound();
    if (expectedRevision !== undefined && expectedRevision !== row.revision) throw stalePolicy(row.revision);
    return row;
  }

  async #changed(tx: RequestContext, action: string, { id, name }: PolicyEntity): Promise<void> {
    const resource = { kind: 'policy', id, name };
    await this.audit.record(tx, this.audit.entry(tx, { action, outcome: 'allowed', resource }));
    await this.epoch.bump(tx);
  }
}

const READY: ReadonlyMap<string, PolicyView> = new Map(
  READY_POLICIES.map(({ name, description, text }) => [
    name,
    { name, description, isReady: true, revision: 1, policy: text },
  ]),
);

/** What cannot be a name is not quoted in any error or record: it may be something that was pasted by mistake. */
function refuseOtherThanName(text: string): void {
  if (!isPolicyName(text)) throw policyNotFound();
}

function refuseReady(name: string): void {
  if (READY.has(name) || name === ROOT_POLICY) throw policyImmutable(name);
}

function toView({ name, description, revision, text }: PolicyEntity): PolicyView {
  return { name, description, isReady: false, revision, policy: text };
}
