import { Inject, Injectable } from '@nestjs/common';
import type { ChangeState, Requester } from '@claviger/features/changes';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { DelegationRepository } from './delegation.repository.js';

/** `decide`: what I may vote on now; `requested`: what I asked for; `all`. */
export const QUEUE_SCOPES = ['decide', 'requested', 'all'] as const;
export type QueueScope = (typeof QUEUE_SCOPES)[number];

export type QueueQuery = {
  readonly scope: QueueScope;
  readonly limit: number;
  /** The last one of the page before. */
  readonly after?: { readonly dueAt: string; readonly id: string };
  readonly state?: ChangeState;
  /** Name of an approval profile. */
  readonly profile?: string;
  /** Id of a vault profile. */
  readonly vaultProfile?: string;
  readonly kind?: string;
  /** Name or identity of who requested it. */
  readonly requester?: string;
  readonly secretId?: string;
  /** Only what was requested longer ago than this. */
  readonly olderThanSeconds?: number;
  /** Only those whose glass was broken and that nobody has looked at since. */
  readonly isUnreviewed?: boolean;
};

/** One line of the queue. */
export type QueuedApproval = {
  readonly id: string;
  readonly kind: string;
  readonly state: ChangeState;
  readonly subject: string;
  readonly secretId: string | null;
  readonly requestedBy: Requester;
  readonly reason: string | null;
  readonly profiles: readonly string[];
  readonly step: number;
  readonly steps: number;
  readonly dueAt: Date;
  readonly createdAt: Date;
  readonly isBreakGlass: boolean;
  readonly isReviewed: boolean;
};

export type QueueCounts = { readonly toDecide: number; readonly requested: number };

const COLUMNS = `a.id, c.kind, c.state, c.parameters->'subject'->>'name' as subject, c.secret_id as "secretId",
  c.requested_by as "requestedBy", c.reason, a.step, jsonb_array_length(a.steps) as steps,
  (select array_agg(profile->>'name') from jsonb_array_elements(a.profiles) profile) as profiles,
  a.due_at as "dueAt", a.created_at as "createdAt", a.break_glass is not null as "isBreakGlass",
  a.reviewed is not null as "isReviewed"`;

/** Somebody among $ids may vote at the open step, and neither asked for it nor has a vote there yet. */
const mayDecide = (ids: string, me: string): string => `(
  a.closed_at is null and c.state = 'pending_approval' and c.requested_by->>'id' <> 'user:' || ${me}
  and a.sponsor_id is distinct from ${me}::uuid
  and not exists (
    select 1 from approval_vote v where v.store_id = a.store_id and v.approval_id = a.id and v.voter_id = ${me}::uuid)
  and exists (
    select 1 from unnest(${ids}::uuid[]) as right_of (id)
    where c.requested_by->>'id' <> 'user:' || right_of.id and a.sponsor_id is distinct from right_of.id
      and not exists (
        select 1 from approval_vote v
        where v.store_id = a.store_id and v.approval_id = a.id and v.represented_id = right_of.id)
      and (right_of.id = any(a.open_users)
        or exists (
          select 1 from principal p
          where p.store_id = a.store_id and p.id = right_of.id and p.policies && a.open_policies)
        or exists (
          select 1 from group_member m join principal_group g on g.store_id = m.store_id and g.id = m.group_id
          where m.store_id = a.store_id and m.principal_id = right_of.id
            and (g.id = any(a.open_groups) or g.policies && a.open_policies)))))`;

/** The queue of approvals, by the date that they are due. */
@Injectable()
export class ApprovalQueue {
  constructor(
    private readonly database: Database,
    private readonly delegations: DelegationRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async list(ctx: RequestContext, query: QueueQuery): Promise<QueuedApproval[]> {
    const values: unknown[] = [ctx.storeId];
    const add = (value: unknown): string => `$${values.push(value)}`;
    const where = ['a.store_id = $1'];
    if (query.scope === 'requested') where.push(`c.requested_by->>'id' = ${add(ctx.actor.rootId)}`);
    if (query.scope === 'decide') where.push(await this.#mine(ctx, add));
    if (query.state) where.push(`c.state = ${add(query.state)}`);
    if (query.profile) where.push(`a.profiles @> ${add(JSON.stringify([{ name: query.profile }]))}::jsonb`);
    if (query.vaultProfile) where.push(`${add(query.vaultProfile)}::uuid = any(a.vault_profiles)`);
    if (query.kind) where.push(`c.kind = ${add(query.kind)}`);
    if (query.secretId) where.push(`c.secret_id = ${add(query.secretId)}`);
    if (query.requester) {
      const requester = add(query.requester);
      where.push(`(c.requested_by->>'name' = ${requester} or c.requested_by->>'id' = ${requester})`);
    }
    if (query.olderThanSeconds !== undefined) {
      const before = new Date(this.clock.now().getTime() - query.olderThanSeconds * 1_000);
      where.push(`a.created_at < ${add(before)}`);
    }
    if (query.isUnreviewed) where.push('a.break_glass is not null and a.reviewed is null');
    if (query.after)
      where.push(`(a.due_at, a.id) > (${add(query.after.dueAt)}::timestamptz, ${add(query.after.id)}::uuid)`);
    return (await this.database.manager(ctx).query(
      `select ${COLUMNS} from approval a join change c on c.store_id = a.store_id and c.id = a.id
       where ${where.join(' and ')} order by a.due_at, a.id limit ${add(query.limit)}`,
      values,
    )) as QueuedApproval[];
  }

  /** How much waits for me, and how much of mine waits. */
  async count(ctx: RequestContext): Promise<QueueCounts> {
    const values: unknown[] = [ctx.storeId, ctx.actor.rootId];
    const mine = await this.#mine(ctx, (value) => `$${values.push(value)}`);
    const [row] = (await this.database.manager(ctx).query(
      `select count(*) filter (where ${mine})::int as "toDecide",
         count(*) filter (where c.requested_by->>'id' = $2)::int as requested
       from approval a join change c on c.store_id = a.store_id and c.id = a.id
       where a.store_id = $1 and a.closed_at is null`,
      values,
    )) as [QueueCounts];
    return row;
  }

  async #mine(ctx: RequestContext, add: (value: unknown) => string): Promise<string> {
    const { principal } = ctx.actor;
    if (principal?.kind !== 'user') return 'false';
    const delegators = await this.delegations.listTo(ctx, principal.id, this.clock.now());
    return mayDecide(add([principal.id, ...delegators.map(({ id }) => id)]), add(principal.id));
  }
}
