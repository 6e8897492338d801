import { Inject, Injectable } from '@nestjs/common';
import { AppError, CLOCK, faultPoint, isAppError, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { Outbox } from '@claviger/features/notifications';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { secretBusy } from './change.errors.js';
import { ActAgain, ChangeHandlers } from './change-handler.js';
import type { ExecutingChange } from './executing-change.js';
import { isCertain, pauseMs } from './change-outcome.policy.js';
import { ChangeRepository } from './change.repository.js';
import { toRow } from './change-row.js';
import { tracedAsChange } from './change-tracing.js';
import { ChangeTrail } from './change-trail.js';

/** How long one attempt may talk to vaults. */
export const ACT_LIMIT_MS = 30_000;
/** After this time without an end, another process takes the change over. Longer than an attempt can last. */
const LEASE_MS = ACT_LIMIT_MS + 15_000;
const BUSY_LIMIT_MS = 10_000;
/** In one transaction. */
const ABANDONED_AT_ONCE = 500;

/** Carries changes out, once nothing stands in their way. */
@Injectable()
export class ChangeExecutor {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangeRepository,
    private readonly handlers: ChangeHandlers,
    private readonly trail: ChangeTrail,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** A lease on the execution of a change, from now on. */
  lease(owner: string): { leaseOwner: string; leaseUntil: Date } {
    return { leaseOwner: owner, leaseUntil: new Date(this.clock.now().getTime() + LEASE_MS) };
  }

  /** In one transaction, without a trace when it fails. */
  async executeLocally(ctx: RequestContext, kind: string, change: ExecutingChange): Promise<void> {
    const handler = this.handlers.get(kind);
    await tracedAsChange(ctx, { id: change.id, kind }, (within) =>
      this.database.transaction(within, async (tx) => {
        await handler.begin?.(tx, change);
        const result = await handler.complete(tx, change, undefined);
        const row = toRow(ctx, kind, change, true);
        const end = { state: 'done', result, attempts: 1, endedAt: this.clock.now() } as const;
        await this.changes.insert(tx, { ...row, ...end }, undefined);
        await this.trail.record(tx, kind, 'done', change.subject, { changeId: change.id });
      }),
    );
  }

  /** Waits its turn among the changes of the secret. */
  async executeOutside(ctx: RequestContext, kind: string, change: ExecutingChange): Promise<void> {
    await tracedAsChange(ctx, { id: change.id, kind }, (within) => this.#executeOutside(within, kind, change));
  }

  /** Gives up changes that failed before that moment, erasing their payloads, and tells of each. Returns how many. */
  async abandonFailed(ctx: RequestContext, before: Date): Promise<number> {
    for (let count = 0; ;) {
      const abandoned = await this.database.transaction(ctx, async (tx) => {
        const rows = await this.changes.abandonFailed(tx, before, ABANDONED_AT_ONCE);
        for (const { id, kind } of rows) await this.outbox.add(tx, 'change.abandoned', id, { kind });
        return rows.length;
      });
      count += abandoned;
      if (abandoned < ABANDONED_AT_ONCE) return count;
    }
  }

  async #executeOutside(ctx: RequestContext, kind: string, change: ExecutingChange): Promise<void> {
    const owner = newId();
    const giveUpAt = this.clock.now().getTime() + BUSY_LIMIT_MS;
    faultPoint('change.submitted');
    while (!(await this.#tryBegin(ctx, kind, change, owner))) {
      do {
        if (this.clock.now().getTime() > giveUpAt) throw secretBusy();
        await this.clock.sleep(25 + Math.random() * 50, ctx.signal);
      } while (await this.changes.isExecuting(ctx, change.secretId!));
    }
    faultPoint('change.begun');
    await this.actAndComplete(ctx, kind, change, owner);
  }

  /** Goes on with a change whose row is `executing` and leased to `owner`. */
  async actAndComplete(ctx: RequestContext, kind: string, change: ExecutingChange, owner: string): Promise<void> {
    const handler = this.handlers.get(kind);
    // The vault call outlives a caller who hangs up: a write that was begun is finished.
    const signal = AbortSignal.timeout(ACT_LIMIT_MS);
    const endsAt = this.clock.now().getTime() + ACT_LIMIT_MS;
    for (let isRecorded = false; !isRecorded;) {
      let outcome: unknown;
      try {
        faultPoint('change.acting');
        outcome = await handler.act?.({ ...ctx, signal }, change);
        faultPoint('change.acted');
      } catch (error) {
        await this.#failed(ctx, kind, change, owner, error);
        return;
      }
      try {
        await this.database.transaction(ctx, async (tx) => {
          await this.complete(tx, kind, change, owner, outcome);
          faultPoint('change.completing');
        });
        isRecorded = true;
      } catch (error) {
        if (error instanceof ActAgain && this.clock.now().getTime() < endsAt) continue;
        // The world has moved while we were outside: whatever is repeated would be refused again.
        if (isAppError(error) && !error.retryable) return this.#failed(ctx, kind, change, owner, error);
        throw error;
      }
    }
    faultPoint('change.completed');
  }

  /** Ends a change that is `executing` and leased to `owner`, with what its handler records. In a transaction. */
  async complete(
    tx: RequestContext,
    kind: string,
    change: ExecutingChange,
    owner: string,
    outcome: unknown,
  ): Promise<void> {
    const result = await this.handlers.get(kind).complete(tx, change, outcome as never);
    const ended = await this.changes.update(tx, change.id, { from: ['executing'], owner }, {
      state: 'done',
      result,
      payload: null,
      errorCode: null,
      errorMessage: null,
      leaseUntil: null,
      leaseOwner: null,
      endedAt: this.clock.now(),
    } as never);
    // Another process took over in the meantime; it ends the change, and this transaction must leave no trace.
    if (!ended) throw secretBusy();
    await this.trail.record(tx, kind, 'done', change.subject, { changeId: change.id });
    // Who asked for it has had no answer yet; whoever did not have to wait has.
    if (change.wasHeld) await this.outbox.add(tx, 'change.done', change.id, { kind });
  }

  /** False when another change of the same secret is being executed. */
  async #tryBegin(ctx: RequestContext, kind: string, change: ExecutingChange, owner: string): Promise<boolean> {
    try {
      await this.database.transaction(ctx, async (tx) => {
        const row = {
          ...toRow(ctx, kind, change),
          state: 'executing' as const,
          attempts: 1,
          ...this.lease(owner),
        };
        await this.changes.insert(tx, row, change.payload);
        await this.handlers.get(kind).begin?.(tx, change);
        await this.trail.record(tx, kind, 'intent', change.subject, { changeId: change.id });
      });
      return true;
    } catch (error) {
      if (isUniqueViolation(error, 'uq_change_executing')) return false;
      throw error;
    }
  }

  /** A failure that is certain ends the change; with an unknown outcome it stays `executing`, for recovery. */
  async #failed(
    ctx: RequestContext,
    kind: string,
    change: ExecutingChange,
    owner: string,
    error: unknown,
  ): Promise<void> {
    if (!isCertain(error, change)) {
      const leaseUntil = new Date(this.clock.now().getTime() + pauseMs(change.attempt));
      const cause = isAppError(error) ? { errorCode: error.code, errorMessage: error.message } : {};
      await this.changes.update(ctx, change.id, { from: ['executing'], owner }, { leaseUntil, ...cause });
      if (isAppError(error)) return;
      throw error;
    }
    await this.database.transaction(ctx, async (tx) => {
      const state = error.code === 'CHANGE_STALE' ? 'stale' : 'failed';
      const ended = await this.changes.update(
        tx,
        change.id,
        { from: ['executing'], owner },
        {
          state,
          errorCode: error.code,
          errorMessage: error.message,
          leaseUntil: null,
          leaseOwner: null,
          ...(state === 'stale' ? { payload: null, endedAt: this.clock.now() } : {}),
        },
      );
      if (!ended) return;
      await this.handlers.get(kind).fail?.(tx, change);
      await this.trail.record(tx, kind, 'failed', change.subject, { changeId: change.id, code: error.code });
      await this.outbox.add(tx, `change.${state}`, change.id, { kind, code: error.code });
    });
    throw new AppError({
      code: error.code,
      kind: error.kind,
      message: error.message,
      details: { ...error.details, changeId: change.id },
      retryable: error.retryable,
      cause: error,
    });
  }
}
