import { Inject, Injectable } from '@nestjs/common';
import { AppError, CLOCK, faultPoint, isAppError, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { AuditService } from '@claviger/features/audit';
import { AccessService } from '@claviger/features/access';
import { authorizeChange } from './change-access.js';
import { ChangeEntity } from './change.entity.js';
import { changeNotFound, changeNotInState, secretBusy } from './change.errors.js';
import { isCertain, pauseMs } from './change-outcome.policy.js';
import { ChangeHandlers, type ExecutingChange, type PreparedChange } from './change-handler.js';
import { ChangeRepository, type ChangeListQuery } from './change.repository.js';

/** How long one attempt may talk to vaults. */
export const ACT_LIMIT_MS = 30_000;
/** After this time without an end, another process takes the change over. Longer than an attempt can last. */
const LEASE_MS = ACT_LIMIT_MS + 15_000;
const BUSY_LIMIT_MS = 10_000;
/** How many changes a process finishes for others at the same time. */
const RECOVERED_AT_ONCE = 8;

/**
 * The one path of every mutation of secrets: whatever asks for it, from whichever surface, ends in {@link submit}.
 */
@Injectable()
export class ChangeService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangeRepository,
    private readonly handlers: ChangeHandlers,
    private readonly audit: AuditService,
    private readonly access: AccessService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Executes a prepared change and returns it: `done`, or `executing` when the outcome at the vault is not known yet
   * (recovery finds out). A change that failed throws its error, with `details.changeId`.
   */
  async submit<P>(ctx: RequestContext, kind: string, prepared: PreparedChange<P>): Promise<ChangeEntity> {
    const change = this.#executing(ctx, prepared);
    if (prepared.isLocal) await this.#executeLocally(ctx, kind, change);
    else await this.#executeOutside(ctx, kind, change);
    return (await this.changes.find(ctx, change.id))!;
  }

  /** Throws what beginning a prepared change would throw, and leaves no trace of it. */
  async rehearse<P>(ctx: RequestContext, kind: string, prepared: PreparedChange<P>): Promise<void> {
    const change = this.#executing(ctx, prepared);
    const end = new Error('The rehearsal is over.');
    try {
      await this.database.transaction(ctx, async (tx) => {
        await this.handlers.get(kind).begin?.(tx, change);
        throw end;
      });
    } catch (error) {
      if (error !== end) throw error;
    }
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
    const change = await this.get(ctx, id);
    authorizeChange(this.access, ctx, change, 'update');
    await this.database.transaction(ctx, async (tx) => {
      const ended = await this.changes.update(
        tx,
        id,
        { from: ['submitted', 'pending_approval', 'approved', 'failed'] },
        { state: 'cancelled', payload: null, endedAt: this.clock.now() },
      );
      if (!ended) throw changeNotInState(change.state, 'waiting or failed');
      await this.#record(tx, change.kind, 'cancel', this.#subject(change), { changeId: id });
    });
    return this.get(ctx, id);
  }

  /**
   * Executes a failed change again, with the payload kept for it: for a caller who may do what it does, or who looks after
   * changes (`update claviger/changes/<id>`), because the change was authorised when it was submitted.
   * @throws AppError CHANGE_NOT_FOUND, ACCESS_DENIED, CHANGE_NOT_IN_STATE, SECRET_BUSY
   */
  async retry(ctx: RequestContext, id: string): Promise<ChangeEntity> {
    const row = await this.get(ctx, id);
    authorizeChange(this.access, ctx, row, 'update');
    if (row.state !== 'failed') throw changeNotInState(row.state, 'failed');
    const change = await this.#load(ctx, row, { attempt: row.attempts + 1, isResumed: false });
    const owner = newId();
    try {
      await this.database.transaction(ctx, async (tx) => {
        const taken = await this.changes.update(
          tx,
          id,
          { from: ['failed'] },
          { state: 'executing', attempts: change.attempt, errorCode: null, errorMessage: null, ...this.#lease(owner) },
        );
        if (!taken) throw changeNotInState('no longer failed', 'failed');
        await this.handlers.get(row.kind).begin?.(tx, change);
        await this.#record(tx, row.kind, 'retry', change.subject, { changeId: id });
      });
    } catch (error) {
      throw isUniqueViolation(error, 'uq_change_executing') ? secretBusy() : error;
    }
    await this.#actAndComplete(ctx, row.kind, change, owner);
    return this.get(ctx, id);
  }

  /**
   * Finishes what a process that died, or that was left without an answer, was executing. Returns how many changes were
   * taken over.
   */
  async recover(ctx: RequestContext): Promise<number> {
    for (let taken = 0; ;) {
      const owner = newId();
      const lease = this.#lease(owner);
      const ids = await this.changes.claimOrphans(ctx, lease, this.clock.now(), RECOVERED_AT_ONCE);
      if (ids.length === 0) return taken;
      taken += ids.length;
      // All at once, so that each has its whole lease, and a vault that does not answer keeps nobody waiting.
      const ends = await Promise.allSettled(ids.map((id) => this.#resume(ctx, id, owner)));
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
    return this.changes.abandonFailed(ctx, before);
  }

  async #resume(ctx: RequestContext, id: string, owner: string): Promise<void> {
    const row = (await this.changes.find(ctx, id))!;
    const change = await this.#load(ctx, row, { attempt: row.attempts, isResumed: true });
    await this.#actAndComplete(ctx, row.kind, change, owner);
  }

  async #executeLocally(ctx: RequestContext, kind: string, change: ExecutingChange): Promise<void> {
    const handler = this.handlers.get(kind);
    await this.database.transaction(ctx, async (tx) => {
      await handler.begin?.(tx, change);
      const result = await handler.complete(tx, change, undefined);
      await this.changes.insert(
        tx,
        { ...this.#row(ctx, kind, change), state: 'done', result, attempts: 1, endedAt: this.clock.now() },
        undefined,
      );
      await this.#record(tx, kind, 'done', change.subject, { changeId: change.id });
    });
  }

  async #executeOutside(ctx: RequestContext, kind: string, change: ExecutingChange): Promise<void> {
    const owner = newId();
    const giveUpAt = this.clock.now().getTime() + BUSY_LIMIT_MS;
    faultPoint('change.submitted');
    while (!(await this.#tryBegin(ctx, kind, change, owner))) {
      do {
        if (this.clock.now().getTime() > giveUpAt) throw secretBusy();
        await this.clock.sleep(25 + Math.random() * 50, ctx.signal);
      } while (await this.isBusy(ctx, change.secretId!));
    }
    faultPoint('change.begun');
    await this.#actAndComplete(ctx, kind, change, owner);
  }

  /** False when another change of the same secret is being executed. */
  async #tryBegin(ctx: RequestContext, kind: string, change: ExecutingChange, owner: string): Promise<boolean> {
    try {
      await this.database.transaction(ctx, async (tx) => {
        const row = {
          ...this.#row(ctx, kind, change),
          state: 'executing' as const,
          attempts: 1,
          ...this.#lease(owner),
        };
        await this.changes.insert(tx, row, change.payload);
        await this.handlers.get(kind).begin?.(tx, change);
        await this.#record(tx, kind, 'intent', change.subject, { changeId: change.id });
      });
      return true;
    } catch (error) {
      if (isUniqueViolation(error, 'uq_change_executing')) return false;
      throw error;
    }
  }

  async #actAndComplete(ctx: RequestContext, kind: string, change: ExecutingChange, owner: string): Promise<void> {
    const handler = this.handlers.get(kind);
    let outcome: unknown;
    try {
      faultPoint('change.acting');
      // The vault call outlives a caller who hangs up: a write that was begun is finished.
      outcome = await handler.act?.({ ...ctx, signal: AbortSignal.timeout(ACT_LIMIT_MS) }, change);
      faultPoint('change.acted');
    } catch (error) {
      await this.#failed(ctx, kind, change, owner, error);
      return;
    }
    try {
      await this.#complete(ctx, kind, change, owner, outcome);
    } catch (error) {
      // The world has moved while we were outside: whatever is repeated would be refused again.
      if (isAppError(error) && !error.retryable) return this.#failed(ctx, kind, change, owner, error);
      throw error;
    }
    faultPoint('change.completed');
  }

  async #complete(
    ctx: RequestContext,
    kind: string,
    change: ExecutingChange,
    owner: string,
    outcome: unknown,
  ): Promise<void> {
    await this.database.transaction(ctx, async (tx) => {
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
      await this.#record(tx, kind, 'done', change.subject, { changeId: change.id });
      faultPoint('change.completing');
    });
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
      await this.#record(tx, kind, 'failed', change.subject, { changeId: change.id, code: error.code });
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

  #executing<P>(ctx: RequestContext, prepared: PreparedChange<P>): ExecutingChange {
    return {
      ...prepared,
      parameters: prepared.parameters as never,
      id: newId(this.clock.now().getTime()),
      attempt: 1,
      isResumed: false,
      requestedBy: { id: ctx.actor.rootId, name: ctx.actor.displayName },
    };
  }

  #row(ctx: RequestContext, kind: string, change: ExecutingChange): Partial<ChangeEntity> {
    return {
      storeId: ctx.storeId,
      id: change.id,
      kind,
      secretId: change.secretId ?? null,
      requestedBy: change.requestedBy,
      reason: change.reason ?? null,
      baseVersion: change.baseVersion ?? null,
      parameters: {
        ...change.parameters,
        subject: change.subject,
        ...(change.isLocal ? {} : { needs: change.needs ?? [] }),
      },
    };
  }

  async #load(
    ctx: RequestContext,
    row: ChangeEntity,
    progress: Pick<ExecutingChange, 'attempt' | 'isResumed'>,
  ): Promise<ExecutingChange> {
    const payload = await this.changes.findPayload(ctx, row.id);
    return {
      id: row.id,
      ...progress,
      requestedBy: row.requestedBy,
      subject: this.#subject(row),
      parameters: row.parameters,
      isLocal: false,
      ...(row.secretId ? { secretId: row.secretId } : {}),
      ...(row.baseVersion === null ? {} : { baseVersion: row.baseVersion }),
      ...(row.reason === null ? {} : { reason: row.reason }),
      ...(payload ? { payload } : {}),
    };
  }

  #lease(owner: string): { leaseOwner: string; leaseUntil: Date } {
    return { leaseOwner: owner, leaseUntil: new Date(this.clock.now().getTime() + LEASE_MS) };
  }

  #subject(row: ChangeEntity): PreparedChange['subject'] {
    return row.parameters['subject'] as PreparedChange['subject'];
  }

  async #record(
    tx: RequestContext,
    kind: string,
    phase: string,
    subject: PreparedChange['subject'],
    details: Record<string, string>,
  ): Promise<void> {
    await this.audit.record(
      tx,
      this.audit.entry(tx, {
        action: kind,
        outcome: phase === 'failed' ? 'failed' : 'allowed',
        resource: subject,
        details: { ...details, phase },
      }),
    );
  }
}
