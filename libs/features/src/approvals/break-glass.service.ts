import { Inject, Injectable } from '@nestjs/common';
import { AccessService, TokenService } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { changeErrors, HeldChanges, requesterOf, type ChangeEntity } from '@claviger/features/changes';
import { Outbox } from '@claviger/features/notifications';
import { CLOCK, type AppError, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { ApprovalEntity, Deed } from './approval.entity.js';
import { approvalClosed, approvalNotFound, notAReviewer, nothingToReview, ownDeed } from './approval.errors.js';
import { ApprovalRepository } from './approval.repository.js';
import { Electorate } from './electorate.js';
import { isOverdue } from './quorum.policy.js';
import { VotingService } from './voting.service.js';

const MAX_TOLD = 200;

/** The way past the voters, for an emergency: for few, never in silence, and never without a look at it afterwards. */
@Injectable()
export class BreakGlassService {
  constructor(
    private readonly database: Database,
    private readonly approvals: ApprovalRepository,
    private readonly held: HeldChanges,
    private readonly voting: VotingService,
    private readonly electorate: Electorate,
    private readonly access: AccessService,
    private readonly tokens: TokenService,
    private readonly audit: AuditService,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Executes a waiting change without the votes that are missing, if it still is what was asked for. Needs `update` on
   * `claviger/break-glass/<kind>/<name>` of what it is about.
   * @throws AppError APPROVAL_NOT_FOUND, ACCESS_DENIED, APPROVAL_CLOSED, CHANGE_STALE
   */
  async breakGlass(ctx: RequestContext, id: string, reason: string): Promise<void> {
    const refusal = await this.database.transaction(ctx, async (tx): Promise<AppError | undefined> => {
      const { row, approval } = await this.#lock(tx, id);
      this.#authorize(tx, row);
      if (row.state !== 'pending_approval') throw approvalClosed(row.state);
      if (isOverdue(approval, this.clock.now())) {
        await this.held.end(tx, row, 'expired');
        return approvalClosed('expired');
      }
      if (!(await this.held.isAsBound(tx, row))) {
        const stale = changeErrors.approvalStale();
        await this.held.end(tx, row, 'stale', stale);
        return stale;
      }
      await this.approvals.setBreakGlass(tx, id, await this.#deed(tx, reason));
      await this.held.approve(tx, row);
      await this.#record(tx, row, 'approval.break-glass', { reason });
      await this.outbox.add(tx, 'approval.break-glass', id, { voters: await this.#voters(tx, approval) });
      return undefined;
    });
    if (refusal) throw refusal;
    await this.voting.execute(ctx, id);
  }

  /**
   * Says that somebody else has looked at what was done without votes: a user, because any other token could be in the hands
   * of who did it.
   * @throws AppError ACCESS_DENIED, APPROVAL_NOT_FOUND, NOTHING_TO_REVIEW, OWN_DEED, NOT_A_USER
   */
  async review(ctx: RequestContext, id: string, comment: string): Promise<void> {
    this.access.authorize(ctx, `claviger/approvals/${id}`, 'update');
    await this.database.transaction(ctx, async (tx) => {
      const { row, approval } = await this.#lock(tx, id);
      if (!approval.breakGlass || approval.reviewed) throw nothingToReview();
      const { rootId, principal } = tx.actor;
      if ([approval.breakGlass.by.id, row.requestedBy.id].includes(rootId)) throw ownDeed();
      if (principal?.kind !== 'user') throw notAReviewer();
      if ([approval.breakGlass.sponsorId, approval.sponsorId].includes(principal.id)) throw ownDeed();
      await this.approvals.setReviewed(tx, id, await this.#deed(tx, comment));
      await this.#record(tx, row, 'approval.break-glass-review', { comment });
      await this.outbox.add(tx, 'approval.break-glass-reviewed', id);
    });
  }

  /** The refusal names what it is about, so it is told only to who may see that. */
  #authorize(ctx: RequestContext, row: ChangeEntity): void {
    const { kind, name } = subjectOf(row);
    try {
      this.access.authorize(ctx, `claviger/break-glass/${kind}/${name}`, 'update');
    } catch (refusal) {
      const maySee =
        row.requestedBy.id === ctx.actor.rootId || this.access.can(ctx, `claviger/approvals/${row.id}`, 'read');
      throw maySee ? refusal : approvalNotFound(refusal);
    }
  }

  async #lock(tx: RequestContext, id: string): Promise<{ row: ChangeEntity; approval: ApprovalEntity }> {
    const row = await this.held.lock(tx, id);
    const approval = row && (await this.approvals.find(tx, id));
    if (!approval) throw approvalNotFound();
    return { row, approval };
  }

  async #voters(tx: RequestContext, { steps }: ApprovalEntity): Promise<string[]> {
    const voters = new Set<string>();
    for (const step of steps) for (const { id } of await this.electorate.list(tx, step, MAX_TOLD)) voters.add(id);
    return [...voters];
  }

  async #deed(tx: RequestContext, comment: string): Promise<Deed> {
    const sponsorId = await this.tokens.findSponsor(tx);
    return { by: requesterOf(tx), at: this.clock.now().toISOString(), comment, ...(sponsorId && { sponsorId }) };
  }

  async #record(
    tx: RequestContext,
    row: ChangeEntity,
    action: string,
    details: Readonly<Record<string, string>>,
  ): Promise<void> {
    const event = {
      action,
      outcome: 'allowed',
      resource: subjectOf(row),
      details: { changeId: row.id, ...details },
    } as const;
    await this.audit.record(tx, this.audit.entry(tx, event));
  }
}

const subjectOf = (row: ChangeEntity): { kind: string; id: string; name: string } =>
  row.parameters['subject'] as { kind: string; id: string; name: string };
