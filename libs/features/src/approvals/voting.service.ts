import { Inject, Injectable } from '@nestjs/common';
import { AccessService } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { changeErrors, HeldChanges, type ChangeEntity } from '@claviger/features/changes';
import { Outbox } from '@claviger/features/notifications';
import {
  AppError,
  CLOCK,
  faultPoint,
  isAppError,
  systemContext,
  type Clock,
  type RequestContext,
} from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { ApprovalEntity, Decision } from './approval.entity.js';
import {
  alreadyVoted,
  approvalClosed,
  approvalNotFound,
  commentMissing,
  notAVoter,
  ownRequest,
} from './approval.errors.js';
import { ApprovalRepository } from './approval.repository.js';
import { Electorate, principalIdOf } from './electorate.js';
import { isOverdue, missingVotes } from './quorum.policy.js';

export type VoteInput = { readonly decision: Decision; readonly comment?: string };

/** What became of one of several votes: nothing but an id when it counted. */
export type VoteOutcome = { readonly id: string; readonly error?: AppError };

type Ballot = VoteInput & { readonly row: ChangeEntity; readonly approval: ApprovalEntity };

/** Takes votes, and carries out what was decided. */
@Injectable()
export class VotingService {
  constructor(
    private readonly database: Database,
    private readonly approvals: ApprovalRepository,
    private readonly electorate: Electorate,
    private readonly held: HeldChanges,
    private readonly access: AccessService,
    private readonly audit: AuditService,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Counts a vote. One rejection rejects; the last approval that was missing executes the change, and the answer waits for
   * that. A change that is not what it was is `stale` then, and one whose time is over has `expired`.
   *
   * @throws AppError ACCESS_DENIED, APPROVAL_NOT_FOUND, APPROVAL_CLOSED, OWN_REQUEST, ALREADY_VOTED, NOT_A_VOTER,
   * COMMENT_MISSING, CHANGE_STALE
   */
  async vote(ctx: RequestContext, id: string, input: VoteInput): Promise<void> {
    this.access.authorize(ctx, `claviger/approvals/${id}`, 'update');
    if (input.decision === 'reject' && !input.comment?.trim()) throw commentMissing();
    // What ends it for good is committed before it is told.
    const refusal = await this.database.transaction(ctx, async (tx) => {
      const refused = await this.#count(tx, id, input);
      faultPoint('approval.voting');
      return refused;
    });
    faultPoint('approval.voted');
    if (refusal) throw refusal;
    await this.execute(ctx, id);
  }

  /** Several votes, each for itself. */
  async voteAll(ctx: RequestContext, votes: readonly (VoteInput & { readonly id: string })[]): Promise<VoteOutcome[]> {
    const outcomes: VoteOutcome[] = [];
    for (const { id, ...input } of votes) {
      const error = await this.vote(ctx, id, input).then(
        () => undefined,
        (thrown: unknown) => {
          if (isAppError(thrown)) return thrown;
          throw thrown;
        },
      );
      outcomes.push({ id, ...(error && { error }) });
    }
    return outcomes;
  }

  /** Executes a change that was approved; nothing happens to any other. In nobody's name: the change says whose it is. */
  async execute({ requestId, storeId, hops, trace }: RequestContext, id: string): Promise<void> {
    const ctx = systemContext({ requestId, storeId, job: 'approval.execute', trace });
    await this.held.execute({ ...ctx, ...(hops && { hops }) }, id);
  }

  /** Ends what is overdue and tells what soon will be. Returns how many it ended. */
  async sweep(ctx: RequestContext, limit = 100): Promise<number> {
    await this.database.transaction(ctx, async (tx) => {
      for (const { id, dueAt } of await this.approvals.takeReminders(tx, limit))
        await this.outbox.add(tx, 'approval.due-soon', id, { dueAt });
    });
    let ended = 0;
    for (const id of await this.approvals.listOverdue(ctx, limit)) {
      await this.database.transaction(ctx, async (tx) => {
        const row = await this.held.lock(tx, id);
        const approval = await this.approvals.find(tx, id);
        if (row?.state !== 'pending_approval' || !approval || !isOverdue(approval, this.clock.now())) return;
        await this.held.end(tx, row, 'expired');
        ended += 1;
      });
    }
    return ended;
  }

  /** Returns the refusal that ended the change. */
  async #count(tx: RequestContext, id: string, input: VoteInput): Promise<AppError | undefined> {
    const row = await this.held.lock(tx, id);
    const approval = row && (await this.approvals.find(tx, id));
    if (!approval) throw approvalNotFound();
    if (row.state !== 'pending_approval') throw approvalClosed(row.state);
    const { principal } = tx.actor;
    if (row.requestedBy.id === tx.actor.rootId || approval.sponsorId === principal?.id) throw ownRequest();
    if (principal?.kind !== 'user') throw notAVoter();
    const votes = await this.approvals.listVotes(tx, id);
    if (votes.some((vote) => vote.voterId === principal.id)) throw alreadyVoted();
    const asked = [principalIdOf(row.requestedBy.id), approval.sponsorId].map((one) => one ?? '');
    const right = await this.electorate.findRight(
      tx,
      approval.steps[approval.step]!,
      principal,
      new Set([...asked, ...votes.map((vote) => vote.representedId)]),
    );
    if (!right) throw notAVoter();
    if (isOverdue(approval, this.clock.now())) {
      await this.held.end(tx, row, 'expired');
      return approvalClosed('expired');
    }
    if (!(await this.held.isAsBound(tx, row))) {
      const stale = changeErrors.approvalStale();
      await this.held.end(tx, row, 'stale', stale);
      return stale;
    }
    await this.approvals.insertVote(tx, {
      approvalId: id,
      voterId: principal.id,
      voterName: principal.name,
      representedId: right.id,
      representedName: right.name,
      step: approval.step,
      decision: input.decision,
      comment: input.comment ?? '',
    });
    await this.#tell(tx, { ...input, row, approval }, right.name);
    if (input.decision === 'reject') await this.held.end(tx, row, 'rejected');
    else await this.#advance(tx, row, approval);
    return undefined;
  }

  /** Opens the next step when this one has all its votes, or lets the change go on after the last one. */
  async #advance(tx: RequestContext, row: ChangeEntity, approval: ApprovalEntity): Promise<void> {
    const { id, step, steps } = approval;
    const cast = (await this.approvals.listVotes(tx, id)).filter((vote) => vote.step === step);
    const counted = await this.electorate.stillEligible(tx, steps[step]!, cast);
    if (missingVotes(steps[step]!, step, counted) > 0) return;
    if (step + 1 < steps.length) {
      await this.approvals.openStep(tx, approval, step + 1);
      await this.outbox.add(tx, 'approval.requested', id, { step: step + 1 });
      return;
    }
    await this.held.approve(tx, row);
  }

  async #tell(tx: RequestContext, { row, approval, decision }: Ballot, onBehalfOf: string): Promise<void> {
    const { id, step } = approval;
    const resource = row.parameters['subject'] as { kind: string; id: string; name: string };
    const details = { changeId: id, decision, step: step + 1, onBehalfOf, digest: row.digest!.slice(0, 64) };
    const event = { action: 'approval.vote', outcome: 'allowed', resource, details } as const;
    await this.audit.record(tx, this.audit.entry(tx, event));
    await this.outbox.add(tx, 'approval.voted', id, { decision, step });
  }
}
