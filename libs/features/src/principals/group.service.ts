import type { RequestContext } from '@claviger/kernel';
import { AccessEpoch, AccessService } from '@claviger/features/access';
import { AuditService, type AuditDetails } from '@claviger/features/audit';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { Granting } from './granting.js';
import type { GroupEntity } from './group.entity.js';
import { GroupRepository } from './group.repository.js';
import type { PrincipalEntity } from './principal.entity.js';
import { checkedPolicies, checkName, checkText, isPrincipalName } from './principal-input.policy.js';
import { PrincipalRepository } from './principal.repository.js';
import { principalNotFound, staleMatch } from './principals.errors.js';

export type GroupView = Pick<
  GroupEntity,
  'id' | 'name' | 'description' | 'policies' | 'revision' | 'createdAt' | 'updatedAt'
>;

export type MemberView = Pick<PrincipalEntity, 'id' | 'kind' | 'name' | 'displayName' | 'isDisabled'>;

export type NewGroup = {
  readonly name: string;
  readonly description?: string;
  readonly policies?: readonly string[];
};

/** The path that permission for a group is judged on. */
export const groupPath = (name: string): string => `claviger/groups/${name}`;

/** Keeps groups. What is taken from their members is gone in every process within a second. */
@Injectable()
export class GroupService {
  constructor(
    private readonly database: Database,
    private readonly groups: GroupRepository,
    private readonly principals: PrincipalRepository,
    private readonly granting: Granting,
    private readonly access: AccessService,
    private readonly epoch: AccessEpoch,
    private readonly audit: AuditService,
  ) {}

  /** By name, from the one after `after`. @throws AppError ACCESS_DENIED */
  async list(ctx: RequestContext, limit: number, after?: string): Promise<GroupView[]> {
    this.access.authorize(ctx, groupPath(''), 'list');
    return (await this.groups.list(ctx, limit, after)).map(toView);
  }

  /** @throws AppError ACCESS_DENIED, GROUP_NOT_FOUND */
  async get(ctx: RequestContext, name: string): Promise<GroupView> {
    return toView(await this.#find(ctx, name));
  }

  /** By name, from the one after `after`. @throws AppError ACCESS_DENIED, GROUP_NOT_FOUND */
  async listMembers(ctx: RequestContext, name: string, limit: number, after?: string): Promise<MemberView[]> {
    const group = await this.#find(ctx, name);
    const rows = await this.groups.listMembers(ctx, group.id, limit, after);
    return rows.map((row) => ({
      id: row.id,
      kind: row.kind,
      name: row.name,
      displayName: row.displayName,
      isDisabled: row.isDisabled,
    }));
  }

  /** @throws AppError ACCESS_DENIED, INPUT_INVALID, POLICIES_EXCEED_OWN, GROUP_EXISTS */
  async create(ctx: RequestContext, { name, description = '', policies: wanted = [] }: NewGroup): Promise<GroupView> {
    checkName(name);
    this.access.authorize(ctx, groupPath(name), 'create');
    checkText('description', description);
    const policies = checkedPolicies(wanted);
    await this.granting.assertMayGive(ctx, groupPath(name), policies);
    return this.database.transaction(ctx, async (tx) => {
      const row = await this.groups.insert(tx, { name, description, policies });
      await this.#record(tx, 'group.create', row, { policies: policies.join(',') });
      return toView(row);
    });
  }

  /** @throws AppError ACCESS_DENIED, INPUT_INVALID, GROUP_NOT_FOUND, POLICIES_EXCEED_OWN, STALE_MATCH */
  async update(
    ctx: RequestContext,
    name: string,
    changes: Omit<NewGroup, 'name'>,
    expectedRevision?: number,
  ): Promise<GroupView> {
    refuseOtherThanName(name);
    this.access.authorize(ctx, groupPath(name), 'update');
    if (changes.description !== undefined) checkText('description', changes.description);
    const policies = changes.policies && checkedPolicies(changes.policies);
    return this.database.transaction(ctx, async (tx) => {
      const old = await this.#lock(tx, name, expectedRevision);
      const added = (policies ?? []).filter((policy) => !old.policies.includes(policy));
      await this.granting.assertMayGive(tx, groupPath(name), added);
      const { description } = changes;
      const set = { ...(description !== undefined && { description }), ...(policies && { policies }) };
      const row = await this.groups.update(tx, old.id, set);
      await this.#record(tx, 'group.update', row, { policies: row.policies.join(',') });
      await this.epoch.bump(tx);
      return toView(row);
    });
  }

  /** @throws AppError ACCESS_DENIED, GROUP_NOT_FOUND, STALE_MATCH */
  async remove(ctx: RequestContext, name: string, expectedRevision?: number): Promise<void> {
    refuseOtherThanName(name);
    this.access.authorize(ctx, groupPath(name), 'delete');
    await this.database.transaction(ctx, async (tx) => {
      const row = await this.#lock(tx, name, expectedRevision);
      await this.groups.remove(tx, row.id);
      await this.#record(tx, 'group.delete', row);
      await this.epoch.bump(tx);
    });
  }

  /**
   * Nothing happens when it is one already.
   * @throws AppError ACCESS_DENIED, GROUP_NOT_FOUND, PRINCIPAL_NOT_FOUND, POLICIES_EXCEED_OWN
   */
  async addMember(ctx: RequestContext, name: string, member: string): Promise<void> {
    await this.#changeMember(ctx, name, member, 'group.add-member', async (tx, group, principal) => {
      await this.granting.assertMayAdd(tx, groupPath(name), group, principal);
      return this.groups.addMember(tx, group.id, principal.id);
    });
  }

  /** Nothing happens when it is none. @throws AppError ACCESS_DENIED, GROUP_NOT_FOUND, PRINCIPAL_NOT_FOUND */
  async removeMember(ctx: RequestContext, name: string, member: string): Promise<void> {
    await this.#changeMember(ctx, name, member, 'group.remove-member', (tx, group, principal) =>
      this.groups.removeMember(tx, group.id, principal.id),
    );
  }

  async #changeMember(
    ctx: RequestContext,
    name: string,
    member: string,
    action: string,
    change: (tx: RequestContext, group: GroupEntity, principal: PrincipalEntity) => Promise<boolean>,
  ): Promise<void> {
    refuseOtherThanName(name);
    this.access.authorize(ctx, groupPath(name), 'update');
    await this.database.transaction(ctx, async (tx) => {
      const group = await this.#lock(tx, name);
      const principal = isPrincipalName(member) ? await this.principals.findByName(tx, member) : undefined;
      if (!principal) throw principalNotFound('user');
      if (!(await change(tx, group, principal))) return;
      await this.#record(tx, action, group, { member: principal.name, memberId: principal.id });
      await this.epoch.bump(tx);
    });
  }

  async #find(ctx: RequestContext, name: string): Promise<GroupEntity> {
    refuseOtherThanName(name);
    this.access.authorize(ctx, groupPath(name), 'read');
    const row = await this.groups.find(ctx, name);
    if (!row) throw principalNotFound('group');
    return row;
  }

  async #lock(tx: RequestContext, name: string, expectedRevision?: number): Promise<GroupEntity> {
    const row = await this.groups.lock(tx, name);
    if (!row) throw principalNotFound('group');
    if (expectedRevision !== undefined && expectedRevision !== row.revision) throw staleMatch(row.revision);
    return row;
  }

  async #record(
    tx: RequestContext,
    action: string,
    { id, name }: GroupEntity,
    details: AuditDetails = {},
  ): Promise<void> {
    const resource = { kind: 'group', id, name };
    await this.audit.record(tx, this.audit.entry(tx, { action, outcome: 'allowed', resource, details }));
  }
}

function refuseOtherThanName(text: string): void {
  if (!isPrincipalName(text)) throw principalNotFound('group');
}

function toView({ id, name, description, policies, revision, createdAt, updatedAt }: GroupEntity): GroupView {
  return { id, name, description, policies, revision, createdAt, updatedAt };
}
