import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, faultPoint, isAppError, newId, type AppError, type Clock, type RequestContext } from '@claviger/kernel';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { ChangeDigests } from './change-digest.js';
import type { ChangeEntity } from './change.entity.js';
import { approvalStale } from './change.errors.js';
import { ChangeExecutor } from './change-executor.js';
import { ChangeGateSlot } from './change-gate.js';
import { ChangeHandlers } from './change-handler.js';
import { ChangeJudgeSlot, type Judgeable } from './change-judge.js';
import type { ExecutingChange } from './executing-change.js';
import { ChangeRepository } from './change.repository.js';
import { fromRow, subjectOf, toRow } from './change-row.js';
import type { JudgedReview } from './change-subject.js';
import { tracedAsChange } from './change-tracing.js';
import { ChangeTrail } from './change-trail.js';

/** How a change can leave the gate without being executed. */
export type HeldEnd = 'rejected' | 'expired' | 'cancelled' | 'stale';

/** A change that was begun, to be carried out at its vault. */
type Begun = { readonly row: ChangeEntity; readonly change: ExecutingChange };

/** How long the process that approved a change has for beginning to execute it, before another one does. */
const HEAD_START_MS = 5_000;

/** Changes that wait for approval: what is bound when they begin to wait is what is executed in the end, or nothing is. */
@Injectable()
export class HeldChanges {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangeRepository,
    private readonly handlers: ChangeHandlers,
    private readonly slot: ChangeGateSlot,
    private readonly judges: ChangeJudgeSlot,
    private readonly digests: ChangeDigests,
    private readonly executor: ChangeExecutor,
    private readonly trail: ChangeTrail,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Makes a change wait if the gate says so; false when it may go on. Nothing is written at any vault.
   * @throws AppError COMPLIANCE_BLOCKED
   */
  async hold(ctx: RequestContext, kind: string, wanted: ExecutingChange): Promise<boolean> {
    const { gate } = this.slot;
    await this.assertPermitted(ctx, kind, wanted);
    // Asked outside first: most changes have no gate, and need no transaction for that.
    if (!(await gate.bind(ctx, wanted))) return false;
    const isHeld = await this.database.transaction(ctx, async (tx) => {
      const binding = await gate.bind(tx, wanted);
      if (!binding) return false;
      const change = (await this.handlers.get(kind).hold?.(tx, wanted)) ?? wanted;
      const subject = await this.handlers.keeper(change.subject.kind).bind(tx, kind, change);
      const digest = this.digests.of(tx, kind, change, { gate: binding, subject });
      await this.changes.insert(tx, { ...toRow(tx, kind, change), state: 'pending_approval', digest }, change.payload);
      await gate.open(tx, change, binding);
      await this.trail.record(tx, kind, 'held', change.subject, { changeId: change.id });
      faultPoint('approval.opening');
      return true;
    });
    if (isHeld) faultPoint('approval.opened');
    return isHeld;
  }

  /** Asks the judge of rules, and tells of its refusal. Not for inside a transaction. @throws AppError COMPLIANCE_BLOCKED */
  async assertPermitted(ctx: RequestContext, kind: string, change: Judgeable): Promise<void> {
    try {
      await this.judges.judge.judge(ctx, kind, change);
    } catch (error) {
      if (isAppError(error)) await this.judges.judge.tell(ctx, change, error);
      throw error;
    }
  }

  find(ctx: RequestContext, id: string): Promise<ChangeEntity | null> {
    return this.changes.find(ctx, id);
  }

  /** Changes of these secrets that wait for approval, the oldest first. */
  listWaiting(ctx: RequestContext, secretIds: readonly string[]): Promise<ChangeEntity[]> {
    return this.changes.listWaiting(ctx, secretIds);
  }

  /** The change, kept from being moved by anybody else until the transaction ends. */
  lock(tx: RequestContext, id: string): Promise<ChangeEntity | null> {
    return this.changes.lock(tx, id);
  }

  /** Whether the change and the world that it is about are what approval was asked for. In a transaction. */
  async isAsBound(tx: RequestContext, row: ChangeEntity): Promise<boolean> {
    try {
      const change = await this.#load(tx, row);
      const gate = await this.slot.gate.bind(tx, change);
      if (!gate) return false;
      const subject = await this.handlers.keeper(change.subject.kind).bind(tx, row.kind, change);
      return this.digests.matches(tx, row.kind, change, { gate, subject }, row.digest!);
    } catch (error) {
      // What it is about is gone.
      if (isAppError(error) && !error.retryable && error.kind !== 'internal') return false;
      throw error;
    }
  }

  /** What an approver is shown: never a value. */
  async review(ctx: RequestContext, row: ChangeEntity): Promise<JudgedReview> {
    const change = await this.#load(ctx, row);
    const review = await this.handlers.keeper(change.subject.kind).review(ctx, row.kind, change);
    return { ...review, rules: await this.judges.judge.review(ctx, row.kind, change) };
  }

  /** Ends a change that waits or was approved, and erases its payload. The row is locked by the transaction. */
  async end(tx: RequestContext, row: ChangeEntity, state: HeldEnd, cause?: AppError): Promise<void> {
    await this.handlers.get(row.kind).release?.(tx, await this.#load(tx, row));
    await this.changes.update(
      tx,
      row.id,
      { from: ['pending_approval', 'approved'] },
      {
        state,
        payload: null,
        leaseUntil: null,
        errorCode: cause?.code ?? null,
        errorMessage: cause?.message ?? null,
        endedAt: this.clock.now(),
      },
    );
    await this.slot.gate.close(tx, row.id, state);
    await this.trail.record(tx, row.kind, state, subjectOf(row), { changeId: row.id });
  }

  /** Lets a waiting change go on, to be executed by {@link execute}. The row is locked by the transaction. */
  async approve(tx: RequestContext, row: ChangeEntity): Promise<void> {
    const leaseUntil = new Date(this.clock.now().getTime() + HEAD_START_MS);
    await this.changes.update(tx, row.id, { from: ['pending_approval'] }, { state: 'approved', leaseUntil });
    await this.trail.record(tx, row.kind, 'approved', subjectOf(row), { changeId: row.id });
  }

  /**
   * Executes an approved change, if it still is what was approved; else it becomes `stale`. Whoever calls it, once or more
   * than once, it is executed once. A failure at a vault is told by the change.
   */
  async execute(ctx: RequestContext, id: string): Promise<void> {
    const owner = newId();
    let begun: Begun | undefined;
    try {
      begun = await this.database.transaction(ctx, (tx) => this.#begin(tx, id, owner));
    } catch (error) {
      // Another change of the secret is being executed: this one has its turn when it is picked up again.
      if (isUniqueViolation(error, 'uq_change_executing')) return;
      if (!isAppError(error) || error.retryable) throw error;
      return this.#endStale(ctx, id, error);
    }
    if (!begun) return;
    faultPoint('approval.admitted');
    const { row, change } = begun;
    try {
      await tracedAsChange(ctx, row, (within) => this.executor.actAndComplete(within, row.kind, change, owner));
    } catch (error) {
      if (!isAppError(error)) throw error;
    }
  }

  /** Approved changes that nobody has begun to execute. */
  claimApproved(ctx: RequestContext, limit: number): Promise<string[]> {
    const now = this.clock.now();
    return this.changes.claimApproved(ctx, now, new Date(now.getTime() + HEAD_START_MS), limit);
  }

  /** @throws AppError CHANGE_STALE, COMPLIANCE_BLOCKED, and whatever beginning refuses */
  async #begin(tx: RequestContext, id: string, owner: string): Promise<Begun | undefined> {
    const row = await this.changes.lock(tx, id);
    if (row?.state !== 'approved') return undefined;
    await this.assertAdmitted(tx, row);
    const change = await this.#load(tx, row);
    await this.judges.judge.judge(tx, row.kind, change);
    const taken = { state: 'executing', attempts: 1, ...this.executor.lease(owner) } as const;
    await this.changes.update(tx, id, { from: ['approved'] }, taken);
    await this.slot.gate.close(tx, id, 'executing');
    await this.handlers.get(row.kind).begin?.(tx, change);
    await this.trail.record(tx, row.kind, 'intent', change.subject, { changeId: id, requestedBy: row.requestedBy.id });
    faultPoint('approval.admitting');
    if (!change.isLocal) return { row, change };
    await tracedAsChange(tx, row, (within) => this.executor.complete(within, row.kind, change, owner, undefined));
    return undefined;
  }

  /** Judges the change and those who decided about it once more. In a transaction. @throws AppError CHANGE_STALE */
  async assertAdmitted(tx: RequestContext, row: ChangeEntity): Promise<void> {
    if (!(await this.isAsBound(tx, row))) throw approvalStale();
    await this.slot.gate.admit(tx, row.id);
  }

  /**
   * That a change which was submitted when nothing asked for approval of it needs none now either, with what it is about as it
   * was then and as it is now. In a transaction. @throws AppError CHANGE_STALE
   */
  async assertUngated(tx: RequestContext, change: ExecutingChange): Promise<void> {
    const { gatedAs, requestedBy, subject } = change;
    const now = await this.handlers.keeper(subject.kind).facts?.(tx, change);
    const facts = now ? [now, ...gatedAs.facts] : gatedAs.facts;
    if (await this.slot.gate.bind(tx, { requestedBy, gatedAs: { ...gatedAs, facts } })) throw approvalStale();
  }

  async #endStale(ctx: RequestContext, id: string, cause: AppError): Promise<void> {
    await this.database.transaction(ctx, async (tx) => {
      const row = await this.changes.lock(tx, id);
      if (row?.state !== 'approved') return;
      await this.end(tx, row, 'stale', cause);
      await this.judges.judge.tell(tx, await this.#load(tx, row), cause);
    });
  }

  async #load(ctx: RequestContext, row: ChangeEntity): Promise<ExecutingChange> {
    const payload = await this.changes.findPayload(ctx, row.id);
    return fromRow(row, payload, { attempt: row.attempts + 1, isResumed: false });
  }
}
