import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, newId, type Actor, type Clock, type PrincipalRef, type RequestContext } from '@claviger/kernel';
import { AccessService } from '@claviger/features/access';
import { Voters, type Voter, type VoterRule } from '@claviger/features/principals';
import type { ApprovalVoteEntity } from './approval.entity.js';
import { ApprovalRepository } from './approval.repository.js';
import { DelegationRepository } from './delegation.repository.js';

/** Whose right to vote somebody uses. */
export type Represented = { readonly id: string; readonly name: string };

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
   * Whose right to vote at a step a user can use: their own first, else that of one who delegated theirs.
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
    const candidates = isNamedByToken(step, ctx.actor) ? [user, ...delegators] : delegators;
    for (const candidate of candidates) {
      if (!excluded.has(candidate.id) && (await this.voters.isNamed(ctx, step, candidate.id))) return candidate;
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
    const need = [{ path: `claviger/approvals/${newId()}`, operation: 'update' }] as const;
    return acting !== undefined && this.access.couldAll(ctx, acting.policies, acting.principal, need);
  }

  /** Those votes whose right still is one. */
  async stillEligible<V extends Pick<ApprovalVoteEntity, 'voterId' | 'representedId'>>(
    ctx: RequestContext,
    step: VoterRule,
    votes: readonly V[],
  ): Promise<V[]> {
    const kept: V[] = [];
    for (const vote of votes) {
      const isNamed = await this.voters.isNamed(ctx, step, vote.representedId);
      if (isNamed && (await this.voters.isActive(ctx, vote.voterId))) kept.push(vote);
    }
    return kept;
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
