import { Inject, Injectable } from '@nestjs/common';
import { ChangeEntity, type Need, type Requester } from '@claviger/features/changes';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { IsNull } from 'typeorm';
import {
  ApprovalCommentEntity,
  ApprovalEntity,
  ApprovalVoteEntity,
  type BoundStep,
  type Deed,
} from './approval.entity.js';

/** The part of the time for a step that is left when its voters are reminded. */
const REMIND_AT_LEFT = 0.25;

/** The rows of approvals, votes and comments. */
@Injectable()
export class ApprovalRepository {
  constructor(
    private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Opens an approval at its first step. */
  async insert(
    tx: RequestContext,
    approval: Pick<ApprovalEntity, 'id' | 'profiles' | 'sponsorId' | 'vaultProfiles' | 'steps'>,
  ): Promise<void> {
    const row = { ...approval, storeId: tx.storeId, createdAt: this.clock.now(), ...this.#opened(approval.steps, 0) };
    await this.database.repository(tx, ApprovalEntity).insert(row as never);
  }

  /** Opens a later step. */
  async openStep(tx: RequestContext, { id, steps }: ApprovalEntity, step: number): Promise<void> {
    await this.#update(tx, id, this.#opened(steps, step));
  }

  /** Nothing is decided about it any more. */
  async close(tx: RequestContext, id: string): Promise<void> {
    const where = { storeId: tx.storeId, id, closedAt: IsNull() };
    const set = { closedAt: this.clock.now(), remindAt: null };
    await this.database.repository(tx, ApprovalEntity).update(where, set);
  }

  async setBreakGlass(tx: RequestContext, id: string, breakGlass: Deed): Promise<void> {
    await this.#update(tx, id, { breakGlass });
  }

  async setReviewed(tx: RequestContext, id: string, reviewed: Deed): Promise<void> {
    await this.#update(tx, id, { reviewed });
  }

  find(ctx: RequestContext, id: string): Promise<ApprovalEntity | null> {
    return this.database.repository(ctx, ApprovalEntity).findOneBy({ storeId: ctx.storeId, id });
  }

  /** Who requested the change, and what they were judged by. */
  async findRequest(
    ctx: RequestContext,
    id: string,
  ): Promise<{ readonly requestedBy: Requester; readonly needs: readonly Need[] }> {
    const where = { storeId: ctx.storeId, id };
    const { requestedBy, parameters } = await this.database.repository(ctx, ChangeEntity).findOneByOrFail(where);
    return { requestedBy, needs: (parameters['needs'] as Need[] | undefined) ?? [] };
  }

  /** The first vote first. */
  listVotes(ctx: RequestContext, id: string): Promise<ApprovalVoteEntity[]> {
    const where = { storeId: ctx.storeId, approvalId: id };
    return this.database
      .repository(ctx, ApprovalVoteEntity)
      .find({ where, order: { createdAt: 'ASC', voterId: 'ASC' } });
  }

  async insertVote(tx: RequestContext, vote: Omit<ApprovalVoteEntity, 'storeId' | 'createdAt'>): Promise<void> {
    const row = { ...vote, storeId: tx.storeId, createdAt: this.clock.now() };
    await this.database.repository(tx, ApprovalVoteEntity).insert(row);
  }

  /** The first comment first. */
  listComments(ctx: RequestContext, id: string, limit: number): Promise<ApprovalCommentEntity[]> {
    const where = { storeId: ctx.storeId, approvalId: id };
    const order = { createdAt: 'ASC', id: 'ASC' } as const;
    return this.database.repository(ctx, ApprovalCommentEntity).find({ where, order, take: limit });
  }

  countComments(ctx: RequestContext, id: string): Promise<number> {
    return this.database.repository(ctx, ApprovalCommentEntity).countBy({ storeId: ctx.storeId, approvalId: id });
  }

  /** When it was said. */
  async insertComment(
    tx: RequestContext,
    comment: { readonly id: string; readonly approvalId: string; readonly author: Requester; readonly text: string },
  ): Promise<Date> {
    const createdAt = this.clock.now();
    await this.database.repository(tx, ApprovalCommentEntity).insert({ ...comment, storeId: tx.storeId, createdAt });
    return createdAt;
  }

  /** Ids of open approvals whose time is over, the longest over first. */
  async listOverdue(ctx: RequestContext, limit: number): Promise<string[]> {
    const rows = (await this.database
      .manager(ctx)
      .query(
        `select id from approval where store_id = $1 and closed_at is null and due_at <= $2 order by due_at limit $3`,
        [ctx.storeId, this.clock.now(), limit],
      )) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  /** Open approvals whose voters are to be reminded now, each once. */
  async takeReminders(tx: RequestContext, limit: number): Promise<{ id: string; dueAt: Date }[]> {
    const [rows] = (await this.database.manager(tx).query(
      `update approval set remind_at = null where (store_id, id) in (
         select store_id, id from approval where store_id = $1 and closed_at is null and remind_at <= $2
         order by remind_at limit $3 for update skip locked)
       returning id, due_at as "dueAt"`,
      [tx.storeId, this.clock.now(), limit],
    )) as [{ id: string; dueAt: Date }[], number];
    return rows;
  }

  #opened(steps: readonly BoundStep[], step: number): Partial<ApprovalEntity> {
    const { users, groups, policies, expiresAfterSeconds } = steps[step]!;
    const now = this.clock.now().getTime();
    return {
      step,
      openUsers: users,
      openGroups: groups,
      openPolicies: policies,
      dueAt: new Date(now + expiresAfterSeconds * 1_000),
      remindAt: new Date(now + expiresAfterSeconds * 1_000 * (1 - REMIND_AT_LEFT)),
    };
  }

  async #update(tx: RequestContext, id: string, set: Partial<ApprovalEntity>): Promise<void> {
    await this.database.repository(tx, ApprovalEntity).update({ storeId: tx.storeId, id }, set as never);
  }
}
