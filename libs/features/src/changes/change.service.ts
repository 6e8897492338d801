import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, isAppError, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { AccessService } from '@claviger/features/access';
import { Outbox } from '@claviger/features/notifications';
import { idempotencyInProgress } from '@claviger/features/idempotency';
import { authorizeChange } from './change-access.js';
import { ChangeEntity } from './change.entity.js';
import { changeNotFound, changeNotInState, secretBusy } from './change.errors.js';
import type { ChangeState } from './change-state.js';
import { ChangeExecutor } from './change-executor.js';
import { ChangeHandlers } from './change-handler.js';
import type { Need, PreparedChange } from './executing-change.js';
import { ChangeRepository, type ChangeListQuery } from './change.repository.js';
import { fromRow, subjectOf, toExecuting } from './change-row.js';
import { tracedAsChange } from './change-tracing.js';
import { ChangeTrail } from './change-trail.js';
import { HeldChanges } from './held-changes.js';

/** How many changes a process finishes for others at the same time. */
const RECOVERED_AT_ONCE = 8;

/**
 * The one path of every mutation of secrets, and of what decides about them: whatever asks for it, from whichever surface,
 * ends in {@link submit}.
 */
@Injectable()
export class ChangeService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangeRepository,
    private readonly handlers: ChangeHandlers,
    private readonly executor: ChangeExecutor,
    private readonly held: HeldChanges,
    private readonly trail: ChangeTrail,
    private readonly access: AccessService,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Executes a prepared change and returns it: `done`, or `pending_approval` when it waits for that and nothing is
   * written anywhere, or `executing` when the outcome at the vault is not known yet (recovery finds out). A change that
   * failed throws its error, with `details.changeId`. A request with an idempotency key makes one change at most.
   * @throws AppError COMPLIANCE_BLOCKED, and IDEMPOTENCY_IN_PROGRESS when another execution of the same request made the change
   */
  async submit<P>(ctx: RequestContext, kind: string, prepared: PreparedChange<P>): Promise<ChangeEntity> {
    const change = toExecuting(ctx, prepared, this.clock.now());
    try {
      if (!(await this.held.hold(ctx, kind, change))) {
        if (prepared.isLocal) await this.executor.executeLocally(ctx, kind, change);
        else await this.executor.executeOutside(ctx, kind, change);
      }
    } catch (error) {
      throw isUniqueViolation(error, 'uq_change_idempotency') ? idempotencyInProgress() : error;
    }
    return (await this.changes.find(ctx, change.id))!;
  }

  /**
   * The change that an earlier execution of the caller's request made, for one who may do still what it does.
   * @throws AppError ACCESS_DENIED
   */
  async findOfAttempt(ctx: RequestContext, idempotencyId: string): Promise<ChangeEntity | undefined> {
    const change = await this.changes.findByAttempt(ctx, idempotencyId);
    for (const need of (change?.parameters['needs'] ?? []) as readonly Need[])
      this.access.authorize(ctx, need.path, need.operation);
    return change ?? undefined;
  }

  /** Whether a request has made a change that was carried out, or may be yet. */
  async mayTakeEffect(ctx: RequestContext, idempotencyId: string): Promise<boolean> {
    const change = await this.changes.findByAttempt(ctx, idempotencyId);
    return change !== null && !['failed', 'stale', 'abandoned'].includes(change.state);
  }

  /** Where these changes stand, by their ids. */
  statesOf(ctx: RequestContext, ids: readonly string[]): Promise<ReadonlyMap<string, ChangeState>> {
    return this.changes.statesOf(ctx, ids);
  }

  /** @throws AppError CHANGE_NOT_FOUND */
  async get(ctx: RequestContext, id: string): Promise<ChangeEntity> {
    const change = await this.changes.find(ctx, id);
    if (!change) throw changeNotFound();
    try {
      authorizeChange(this.access, ctx, change, 'read');
    } catch (refusal) {
      throw changeNotFound(refusal);
    }
    return change;
  }

  /** Newest first. */
  async list(ctx: RequestContext, query: ChangeListQuery): Promise<ChangeEntity[]> {
    this.access.authorize(ctx, 'claviger/changes/', 'list');
    return this.changes.list(ctx, query);
  }

  /** Ends a change that is not being executed, and erases its payload. */
  async cancel(ctx: RequestContext, id: string): Promise<ChangeEntity> {
    authorizeChange(this.access, ctx, await this.get(ctx, id), 'update');
    await this.database.transaction(ctx, async (tx) => {
      const row = (await this.changes.lock(tx, id))!;
      if (row.state === 'pending_approval' || row.state === 'approved') return this.held.end(tx, row, 'cancelled');
      const set = { state: 'cancelled', payload: null, endedAt: this.clock.now() } as const;
      const ended = await this.changes.update(tx, id, { from: ['submitted', 'failed'] }, set);
      if (!ended) throw changeNotInState(row.state, 'waiting or failed');
      await this.trail.record(tx, row.kind, 'cancel', subjectOf(row), { changeId: id });
      await this.outbox.add(tx, 'change.cancelled', id, { kind: row.kind });
    });
    return this.get(ctx, id);
  }

  /**
   * Executes a failed change again, with the payload kept for it: for a caller who may do what it does, or who looks after
   * changes (`update claviger/changes/<id>`), because the change was authorised when it was submitted. One that needed
   * approval must be what was approved still; one that needed none must need none now.
   * @throws AppError CHANGE_NOT_FOUND, ACCESS_DENIED, CHANGE_NOT_IN_STATE, SECRET_BUSY, CHANGE_STALE, COMPLIANCE_BLOCKED
   */
  async retry(ctx: RequestContext, id: string): Promise<ChangeEntity> {
    const row = await this.get(ctx, id);
    authorizeChange(this.access, ctx, row, 'update');
    if (row.state !== 'failed') throw changeNotInState(row.state, 'failed');
    const progress = { attempt: row.attempts + 1, isResumed: false };
    const change = fromRow(row, await this.changes.findPayload(ctx, id), progress);
    await this.held.assertPermitted(ctx, row.kind, change);
    const owner = newId();
    try {
      await this.database.transaction(ctx, async (tx) => {
        if (row.digest === null) await this.held.assertUngated(tx, change);
        else await this.held.assertAdmitted(tx, row);
        const executing = { state: 'executing', attempts: change.attempt, ...this.executor.lease(owner) } as const;
        const set = { ...executing, errorCode: null, errorMessage: null };
        if (!(await this.changes.update(tx, id, { from: ['failed'] }, set)))
          throw changeNotInState('no longer failed', 'failed');
        await this.handlers.get(row.kind).begin?.(tx, change);
        await this.trail.record(tx, row.kind, 'retry', change.subject, { changeId: id });
      });
    } catch (error) {
      throw isUniqueViolation(error, 'uq_change_executing') ? secretBusy() : error;
    }
    await tracedAsChange(ctx, row, (within) => this.executor.actAndComplete(within, row.kind, change, owner));
    return this.get(ctx, id);
  }

  /**
   * Finishes what a process that died, or that was left without an answer, was executing, and begins what was approved
   * and not begun. Returns how many changes were taken over.
   */
  async recover(ctx: RequestContext): Promise<number> {
    let taken = 0;
    for (;;) {
      const owner = newId();
      const lease = this.executor.lease(owner);
      const orphans = await this.changes.claimOrphans(ctx, lease, this.clock.now(), RECOVERED_AT_ONCE);
      const approved = await this.held.claimApproved(ctx, RECOVERED_AT_ONCE);
      if (orphans.length + approved.length === 0) return taken;
      taken += orphans.length + approved.length;
      // All at once, so that each has its whole lease, and a vault that does not answer keeps nobody waiting.
      const ends = await Promise.allSettled([
        ...orphans.map((id) => this.#resume(ctx, id, owner)),
        ...approved.map((id) => this.held.execute(ctx, id)),
      ]);
      const defect = ends.find((end) => end.status === 'rejected' && !isAppError(end.reason));
      if (defect) throw (defect as PromiseRejectedResult).reason;
    }
  }

  /** True while a change of the secret is being executed outside of Claviger's own database. */
  isBusy(ctx: RequestContext, secretId: string): Promise<boolean> {
    return this.changes.isExecuting(ctx, secretId);
  }

  /** Frees what a dead predecessor was executing, for a process that knows that it is alone on this database. */
  expireLeases(ctx: RequestContext): Promise<void> {
    return this.changes.expireLeases(ctx, this.clock.now());
  }

  /** Gives up changes that failed before that moment, erasing their payloads. */
  abandonFailed(ctx: RequestContext, before: Date): Promise<number> {
    return this.executor.abandonFailed(ctx, before);
  }

  async #resume(ctx: RequestContext, id: string, owner: string): Promise<void> {
    const row = (await this.changes.find(ctx, id))!;
    const progress = { attempt: row.attempts, isResumed: true };
    const change = fromRow(row, await this.changes.findPayload(ctx, id), progress);
    await tracedAsChange(ctx, row, (within) => this.executor.actAndComplete(within, row.kind, change, owner));
  }
}
