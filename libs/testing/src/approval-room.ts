import type { Type } from '@nestjs/common';
import { newId, type PrincipalKind, type RequestContext } from '@claviger/kernel';
import {
  ApprovalProfileService,
  ApprovalService,
  BreakGlassService,
  DelegationService,
  VotingService,
  type ApprovalProfileView,
  type ApprovalView,
} from '@claviger/features/approvals';
import type { ChangeEntity } from '@claviger/features/changes';
import type { TestDatabase } from './database.js';
import { createSecretRoom, json, type AheadClock, type OutsideKind, type SecretRoom } from './secret-room.js';

// Not behind the door of libs/testing: whoever imports this loads most of the program.

type Settings = Parameters<ApprovalProfileService['create']>[1];

/** A policy that all voters of the tests have. */
export const VOTER_POLICY = 'approver';

/** The approvals room over secrets, with users who vote. */
export class ApprovalRoom {
  readonly profiles: ApprovalProfileService;
  readonly approvals: ApprovalService;
  readonly voting: VotingService;
  readonly breakGlass: BreakGlassService;
  readonly delegations: DelegationService;
  #count = 0;

  private constructor(readonly secrets: SecretRoom) {
    this.profiles = secrets.get(ApprovalProfileService);
    this.approvals = secrets.get(ApprovalService);
    this.voting = secrets.get(VotingService);
    this.breakGlass = secrets.get(BreakGlassService);
    this.delegations = secrets.get(DelegationService);
  }

  static async create(
    db: TestDatabase,
    kind?: OutsideKind,
    clock?: AheadClock,
    rooms?: readonly Type[],
  ): Promise<ApprovalRoom> {
    return new ApprovalRoom(await createSecretRoom(db, kind, clock, rooms));
  }

  /** A caller who may do everything that policies say, and is nobody in particular. */
  get ctx(): RequestContext {
    return this.secrets.ctx;
  }

  /** Makes a user (or a service account) and gives a request of theirs. */
  async principal(
    name: string,
    { kind = 'user', policies = [], group }: { kind?: PrincipalKind; policies?: string[]; group?: string } = {},
  ): Promise<RequestContext> {
    const id = newId();
    await this.secrets.rows(
      `insert into principal (store_id, id, kind, name, display_name, policies) values ($1, $2, $3, $4, $4, $5)`,
      [this.ctx.storeId, id, kind, name, policies],
    );
    const groups = group === undefined ? [] : [{ id: await this.#join(id, group), name: group }];
    const principal = { id, kind, name, groups };
    const actor = { ...this.ctx.actor, id: newId(), displayName: name, rootId: `${kind}:${id}`, policies, principal };
    return { ...this.ctx, actor };
  }

  async #join(principalId: string, group: string): Promise<string> {
    await this.secrets.rows(
      `insert into principal_group (store_id, id, name, description, policies) values ($1, $2, $3, '', '{}')
       on conflict do nothing`,
      [this.ctx.storeId, newId(), group],
    );
    const [row] = await this.secrets.rows(
      `insert into group_member (store_id, principal_id, group_id)
       select $1, $2, id from principal_group where store_id = $1 and name = $3 returning group_id`,
      [this.ctx.storeId, principalId, group],
    );
    return row!['group_id'] as string;
  }

  /** Disables somebody. */
  async disable({ actor }: RequestContext): Promise<void> {
    await this.secrets.rows('update principal set is_disabled = true where id = $1', [actor.principal!.id]);
  }

  /** Creates an approval profile and a built-in vault profile that it is assigned to; both have the name that is given. */
  async gated(name: string, settings: Omit<Settings, 'name'>): Promise<ApprovalProfileView> {
    const profile = await this.profiles.create(this.ctx, { ...settings, name });
    await this.secrets.builtin(name);
    await this.assign(name, name);
    return profile;
  }

  async assign(vaultProfile: string, approvalProfile: string): Promise<void> {
    await this.secrets.profiles.update(this.ctx, vaultProfile, { approvalProfile });
  }

  /** Creates a secret past the gate, as if it had been there before. */
  async ungatedSecret(vaultProfile: string, content: object = { value: 'one' }, more = {}): Promise<string> {
    const set = 'update vault_profile set approval_profile = $2, revision = revision + 1 where name = $1';
    const [row] = await this.secrets.rows('select approval_profile from vault_profile where name = $1', [vaultProfile]);
    await this.secrets.rows(set, [vaultProfile, null]);
    this.secrets.clock.skip(1_001);
    this.#count += 1;
    const id = await this.secrets.secret(`secret-${this.#count}`, { sourceProfile: vaultProfile, content, ...more });
    await this.secrets.rows(set, [vaultProfile, row!['approval_profile']]);
    this.secrets.clock.skip(1_001);
    return id;
  }

  /** Writes content; the change that came of it. */
  async write(ctx: RequestContext, id: string, content: object, reason?: string): Promise<ChangeEntity> {
    const result = await this.secrets.content.write(ctx, id, { content: json(content), ...(reason && { reason }) });
    if ('change' in result) return result.change;
    throw new Error('The content is the current one.');
  }

  /** What the secret holds now, read by somebody whom no gate stops. */
  async content(id: string): Promise<unknown> {
    return JSON.parse((await this.secrets.content.read(this.ctx, id)).content.reveal()) as unknown;
  }

  approve(voter: RequestContext, id: string, comment?: string): Promise<void> {
    return this.voting.vote(voter, id, { decision: 'approve', ...(comment && { comment }) });
  }

  reject(voter: RequestContext, id: string, comment = 'not now'): Promise<void> {
    return this.voting.vote(voter, id, { decision: 'reject', comment });
  }

  change(id: string): Promise<ChangeEntity> {
    return this.secrets.changes.get(this.ctx, id);
  }

  async state(id: string): Promise<string> {
    return (await this.change(id)).state;
  }

  view(ctx: RequestContext, id: string): Promise<ApprovalView> {
    return this.approvals.get(ctx, id);
  }
}
