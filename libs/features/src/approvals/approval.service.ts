import { Injectable } from '@nestjs/common';
import { AccessService } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import {
  authorizeChange,
  ChangeService,
  HeldChanges,
  requesterOf,
  type ChangeEntity,
  type ChangeState,
  type JudgedReview,
  type Requester,
} from '@claviger/features/changes';
import { Voters } from '@claviger/features/principals';
import { isAppError, newId, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { ApprovalQueue, type QueueCounts, type QueuedApproval, type QueueQuery } from './approval-queue.js';
import type { ApprovalEntity, ApprovalVoteEntity, BoundStep, Deed, Decision } from './approval.entity.js';
import { approvalNotFound, tooManyComments } from './approval.errors.js';
import { ApprovalRepository } from './approval.repository.js';
import { Electorate, principalIdOf } from './electorate.js';
import { namedSteps } from './named-steps.js';
import { missingVotes } from './quorum.policy.js';

/** A step as it is shown: with names, how it stands, and who could vote on it now. */
export type StepView = BoundStep & {
  readonly state: 'waiting' | 'open' | 'complete' | 'closed';
  readonly missing: number;
  readonly couldVote: readonly string[];
};

export type VoteView = {
  readonly voter: string;
  /** Whose right to vote was used, where it is somebody else's. */
  readonly onBehalfOf: string | null;
  readonly decision: Decision;
  readonly comment: string;
  readonly step: number;
  readonly at: Date;
};

export type CommentView = { readonly author: Requester; readonly text: string; readonly at: Date };

/** An approval as it is shown. */
export type ApprovalView = {
  readonly id: string;
  readonly kind: string;
  readonly state: ChangeState;
  readonly subject: string;
  readonly secretId: string | null;
  readonly requestedBy: Requester;
  /** Name of the user who made the token or credential that it was requested with; null where it was a user, or nobody knows. */
  readonly sponsor: string | null;
  readonly reason: string | null;
  readonly baseVersion: number | null;
  readonly digest: string;
  readonly profiles: ApprovalEntity['profiles'];
  readonly steps: readonly StepView[];
  readonly votes: readonly VoteView[];
  readonly comments: readonly CommentView[];
  readonly mayVote: boolean;
  /** What it would do, for those whom a step names, while it waits. */
  readonly review: JudgedReview | null;
  readonly dueAt: Date;
  readonly createdAt: Date;
  readonly closedAt: Date | null;
  readonly breakGlass: Deed | null;
  readonly reviewed: Deed | null;
};

type Found = {
  readonly row: ChangeEntity;
  readonly approval: ApprovalEntity;
  readonly votes: readonly ApprovalVoteEntity[];
};

const MAX_COULD_VOTE = 50;
const MAX_COMMENTS = 200;

/** What waits for approval, as its requesters, voters and those who look after it see it. */
@Injectable()
export class ApprovalService {
  constructor(
    private readonly database: Database,
    private readonly approvals: ApprovalRepository,
    private readonly queue: ApprovalQueue,
    private readonly electorate: Electorate,
    private readonly voters: Voters,
    private readonly changes: ChangeService,
    private readonly held: HeldChanges,
    private readonly access: AccessService,
    private readonly audit: AuditService,
  ) {}

  /** By the date that they are due. All of them only for who may list approvals. @throws AppError ACCESS_DENIED */
  async list(ctx: RequestContext, query: QueueQuery): Promise<QueuedApproval[]> {
    if (query.scope === 'all') this.access.authorize(ctx, 'claviger/approvals/', 'list');
    return this.queue.list(ctx, query);
  }

  count(ctx: RequestContext): Promise<QueueCounts> {
    return this.queue.count(ctx);
  }

  /**
   * One approval, with what the change would do where a step names the caller.
   * @throws AppError APPROVAL_NOT_FOUND
   */
  async get(ctx: RequestContext, id: string): Promise<ApprovalView> {
    const found = await this.#find(ctx, id);
    const { row, approval, votes } = found;
    const [mayVote, isNamed] = [await this.#mayVote(ctx, found), await this.#isNamed(ctx, found)];
    // To the requester it would tell what their policies may not: whether what they sent equals what is there.
    const mayReview = isNamed && !isRequester(ctx, found);
    const comments = await this.approvals.listComments(ctx, id, MAX_COMMENTS);
    return {
      id,
      kind: row.kind,
      state: row.state,
      subject: (row.parameters['subject'] as { name: string }).name,
      secretId: row.secretId,
      requestedBy: row.requestedBy,
      sponsor: await this.#sponsorOf(ctx, found),
      reason: row.reason,
      baseVersion: row.baseVersion,
      digest: row.digest!,
      profiles: approval.profiles,
      steps: await this.#steps(ctx, found),
      votes: votes.map(toVoteView),
      comments: comments.map(({ author, text, createdAt }) => ({ author, text, at: createdAt })),
      mayVote,
      review: mayReview && row.state === 'pending_approval' ? await this.#review(ctx, row) : null,
      dueAt: approval.dueAt,
      createdAt: approval.createdAt,
      closedAt: approval.closedAt,
      breakGlass: shown(approval.breakGlass),
      reviewed: shown(approval.reviewed),
    };
  }

  /**
   * Says something about it, for whoever may see it and may vote, asked for it or looks after approvals.
   * @throws AppError APPROVAL_NOT_FOUND, ACCESS_DENIED, TOO_MANY_COMMENTS
   */
  async comment(ctx: RequestContext, id: string, text: string): Promise<CommentView> {
    const { row } = await this.#find(ctx, id);
    // The identity alone, which a child token shares with its parents, gives nothing that its policies do not.
    if (!this.access.can(ctx, `claviger/approvals/${id}`, 'update')) authorizeChange(this.access, ctx, row, 'update');
    return this.database.transaction(ctx, async (tx) => {
      // Under its lock, so that no two are the last one.
      await this.held.lock(tx, id);
      if ((await this.approvals.countComments(tx, id)) >= MAX_COMMENTS) throw tooManyComments(MAX_COMMENTS);
      const author = requesterOf(tx);
      const at = await this.approvals.insertComment(tx, { id: newId(), approvalId: id, author, text });
      const resource = row.parameters['subject'] as { kind: string; id: string; name: string };
      const event = { action: 'approval.comment', outcome: 'allowed', resource, details: { changeId: id } } as const;
      await this.audit.record(tx, this.audit.entry(tx, event));
      return { author, text, at };
    });
  }

  /** Takes a request back that has not been executed. @throws AppError APPROVAL_NOT_FOUND, ACCESS_DENIED, CHANGE_NOT_IN_STATE */
  async withdraw(ctx: RequestContext, id: string): Promise<void> {
    await this.#find(ctx, id);
    await this.changes.cancel(ctx, id);
  }

  async #sponsorOf(ctx: RequestContext, { row, approval: { sponsorId } }: Found): Promise<string | null> {
    if (sponsorId === null || sponsorId === principalIdOf(row.requestedBy.id)) return null;
    const [sponsor] = await this.voters.findUsers(ctx, 'id', [sponsorId]);
    return sponsor?.name ?? null;
  }

  /** For the requester, whom a step names, and who may read approvals. */
  async #find(ctx: RequestContext, id: string): Promise<Found> {
    const approval = await this.approvals.find(ctx, id);
    const row = approval && (await this.held.find(ctx, id));
    if (!approval || !row) throw approvalNotFound();
    const found = { row, approval, votes: await this.approvals.listVotes(ctx, id) };
    if (row.requestedBy.id === ctx.actor.rootId || (await this.#isNamed(ctx, found))) return found;
    try {
      this.access.authorize(ctx, `claviger/approvals/${id}`, 'read');
    } catch (refusal) {
      throw approvalNotFound(refusal);
    }
    return found;
  }

  /** Whether a step names the caller, or somebody who delegated their votes to the caller, and the token may vote. */
  async #isNamed(ctx: RequestContext, { row, approval }: Found): Promise<boolean> {
    const { principal } = ctx.actor;
    if (principal?.kind !== 'user' || !this.access.can(ctx, `claviger/approvals/${row.id}`, 'update')) return false;
    for (const step of approval.steps)
      if (await this.electorate.findRight(ctx, step, principal, new Set())) return true;
    return false;
  }

  async #mayVote(ctx: RequestContext, { row, approval, votes }: Found): Promise<boolean> {
    const { principal } = ctx.actor;
    const isVoter = principal?.kind === 'user' && this.access.can(ctx, `claviger/approvals/${row.id}`, 'update');
    if (!isVoter || row.state !== 'pending_approval' || isRequester(ctx, { row, approval })) return false;
    if (votes.some(({ voterId }) => voterId === principal.id)) return false;
    const asked = [principalIdOf(row.requestedBy.id), approval.sponsorId].map((id) => id ?? '');
    const excluded = new Set([...asked, ...votes.map((vote) => vote.representedId)]);
    return (await this.electorate.findRight(ctx, approval.steps[approval.step]!, principal, excluded)) !== undefined;
  }

  async #steps(ctx: RequestContext, { row, approval, votes }: Found): Promise<StepView[]> {
    const named = await namedSteps(ctx, this.voters, approval.steps);
    const isOpen = row.state === 'pending_approval';
    const gone = new Set([
      principalIdOf(row.requestedBy.id),
      approval.sponsorId,
      ...votes.flatMap((vote) => [vote.voterId, vote.representedId]),
    ]);
    return Promise.all(
      named.map(async (step, index) => {
        const rule = approval.steps[index]!;
        // What counts where it is open is what would be counted by the next vote.
        const isCounted = isOpen && index === approval.step;
        const cast = votes.filter((vote) => vote.step === index);
        const counted = isCounted ? await this.electorate.stillEligible(ctx, rule, cast) : cast;
        const missing = missingVotes(step, index, counted);
        const could = isOpen ? await this.electorate.list(ctx, rule, MAX_COULD_VOTE) : [];
        const couldVote = could.filter(({ id }) => !gone.has(id)).map(({ name }) => name);
        return { ...step, state: stateOf(index, missing, approval.step, isOpen), missing, couldVote };
      }),
    );
  }

  /** Looking at what is to be decided is recorded, because it looks into vaults. */
  async #review(ctx: RequestContext, row: ChangeEntity): Promise<JudgedReview | null> {
    const resource = row.parameters['subject'] as { kind: string; id: string; name: string };
    const event = { action: 'approval.review', outcome: 'allowed', resource, details: { changeId: row.id } } as const;
    await this.audit.commit(ctx, this.audit.entry(ctx, event));
    try {
      return await this.held.review(ctx, row);
    } catch (error) {
      // What it is about is gone; it cannot be executed, and the state will say so.
      if (isAppError(error) && error.kind !== 'internal') return null;
      throw error;
    }
  }
}

/** Whether the caller asked for it, by themselves or with a token or credential that they made. */
function isRequester({ actor }: RequestContext, { row, approval }: Pick<Found, 'row' | 'approval'>): boolean {
  if (row.requestedBy.id === actor.rootId) return true;
  return approval.sponsorId !== null && approval.sponsorId === actor.principal?.id;
}

function shown(deed: Deed | null): Omit<Deed, 'sponsorId'> | null {
  return deed && { by: deed.by, at: deed.at, comment: deed.comment };
}

function stateOf(index: number, missing: number, open: number, isOpen: boolean): StepView['state'] {
  if (missing === 0) return 'complete';
  if (!isOpen) return 'closed';
  return index === open ? 'open' : 'waiting';
}

function toVoteView(vote: ApprovalVoteEntity): VoteView {
  return {
    voter: vote.voterName,
    onBehalfOf: vote.representedId === vote.voterId ? null : vote.representedName,
    decision: vote.decision,
    comment: vote.comment,
    step: vote.step,
    at: vote.createdAt,
  };
}
