import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Actor, type Clock, type PrincipalRef, type RequestContext } from '@claviger/kernel';
import { AccessService } from '@claviger/features/access';
import { Voters, type Voter, type VoterRule } from '@claviger/features/principals';
import type { ApprovalVoteEntity } from './approval.entity.js';
import { ApprovalRepository } from './approval.repository.js';
import { DelegationRepository } from './delegation.repository.js';

/** What everybody needs who votes, on whichever approval. */
export const VOTING = { path: 'claviger/approvals/<id>', operation: 'update' } as const;

/** Whose right to vote somebody uses. */
export type Represented = { readonly id: string; readonly name: string };

/** A vote, as far as it matters who cast it. */
type Cast = Pick<ApprovalVoteEntity, 'voterId' | 'representedId' | 'createdAt'>;

/** Says who may vote, by themselves or for somebody who delegated it to them. */
@Injectable()
export class Electorate {
  constructor(
    private readonly voters: Voters,
    private readonly approvals: ApprovalRepository,
    private readonly delegations: DelegationRepository,
    private readonly access: AccessService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Whose right to vote at a step a user can use: their own first, else that of one who delegated theirs and could use it.
   *
   * @param excluded ids of users for whom nobody votes: the requester, and those who have voted or were voted for
   */
  async findRight(
    ctx: RequestContext,
    step: VoterRule,
    user: PrincipalRef,
    excluded: ReadonlySet<string>,
  ): Promise<Represented | undefined> {
    const delegators = await this.delegations.listTo(ctx, user.id, this.clock.now());
    // One's own right is that of the token: it may come of a group that this way of logging in does not give.
    const own = isNamedByToken(step, ctx.actor) ? [user] : [];
    for (const candidate of [...own, ...delegators]) {
      if (excluded.has(candidate.id) || !(await this.voters.isNamed(ctx, step, candidate.id))) continue;
      // That the token may vote was asked; nobody gives what their policies do not give them.
      if (candidate === user || (await this.#mayVote(ctx, candidate.id))) return candidate;
    }
    return undefined;
  }

  /** The users whom a step names now and whose policies let them vote, by name. */
  async list(ctx: RequestContext, step: VoterRule, limit: number): Promise<Voter[]> {
    const able: Voter[] = [];
    for (const voter of await this.voters.list(ctx, step, limit))
      if (await this.#mayVote(ctx, voter.id)) able.push(voter);
    return able;
  }

  async #mayVote(ctx: RequestContext, userId: string): Promise<boolean> {
    const acting = await this.voters.findActing(ctx, userId);
    return acting !== undefined && this.access.couldAll(ctx, acting.policies, acting.principal, [VOTING]);
  }

  /**
   * Those votes whose right still is one: whoever has it is named by the step still, they and the voter may vote still, and a
   * delegation has not been taken back. One that has ended by itself was in force when it was used.
   */
  async stillEligible<V extends Cast>(ctx: RequestContext, step: VoterRule, votes: readonly V[]): Promise<V[]> {
    const kept: V[] = [];
    for (const vote of votes) if (await this.#isStillEligible(ctx, step, vote)) kept.push(vote);
    return kept;
  }

  async #isStillEligible(
    ctx: RequestContext,
    step: VoterRule,
    { voterId, representedId, createdAt }: Cast,
  ): Promise<boolean> {
    if (!(await this.voters.isNamed(ctx, step, representedId))) return false;
    if (!(await this.#mayVote(ctx, voterId))) return false;
    if (voterId === representedId) return true;
    const delegators = await this.delegations.listTo(ctx, voterId, createdAt);
    return delegators.some(({ id }) => id === representedId) && this.#mayVote(ctx, representedId);
  }

  /**
   * Whether who requested a change could request it now: a user or service account that is not disabled and whose policies
   * grant what the change was judged by. A token without one was judged when it asked.
   */
  async couldStillRequest(ctx: RequestContext, changeId: string): Promise<boolean> {
    const change = await this.approvals.findRequest(ctx, changeId);
    const id = principalIdOf(change.requestedBy.id);
    if (id === undefined) return true;
    const acting = await this.voters.findActing(ctx, id);
    return acting !== undefined && this.access.couldAll(ctx, acting.policies, acting.principal, change.needs);
  }
}

/** Whether a step names the bearer of a token by what that token has. */
function isNamedByToken({ users, groups, policies }: VoterRule, { principal, policies: held }: Actor): boolean {
  if (!principal) return false;
  const isIn = principal.groups.some(({ id }) => groups.includes(id));
  return users.includes(principal.id) || isIn || policies.some((policy) => held.includes(policy));
}

/** The id of the user or service account that an identity names; undefined for a token without one. */
export function principalIdOf(identity: string): string | undefined {
  return /^(?:user|service-account):(.+)$/.exec(identity)?.[1];
}
