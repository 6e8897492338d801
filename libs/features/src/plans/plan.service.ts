import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, isAppError, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { AccessService, type Operation } from '@claviger/features/access';
import { ChangePreviews, requesterOf, type Proposal } from '@claviger/features/changes';
import { Database } from '@claviger/platform/database';
import { JobQueue } from '@claviger/platform/queue';
import { PlanEndings } from './plan-endings.js';
import type { OnFailure, PlanEntity, PlanItemEntity } from './plan.entity.js';
import {
  planHasUnready,
  planItemsOverlap,
  planNotFound,
  planNotInState,
  planNotYours,
  planStale,
  tooManyPlans,
} from './plan.errors.js';
import { wakeForPlan } from './plan.jobs.js';
import { PlanJudge } from './plan-judge.js';
import { leaseFrom } from './plan-lease.js';
import { splitRequest, targetOf, type PlanRequest } from './plan-request.js';
import { PlanRepository, type NewPlanItem, type PlanListQuery } from './plan.repository.js';
import { isEnded } from './plan-state.js';
import { isUnready, PLAN_ACTIONS } from './plan-verdict.policy.js';
import { PlanViews, type PlanItemView, type PlanView } from './plan-view.js';

/** Limits of plans. */
export const PLAN_LIMITS = { items: 500, open: 100, minSeconds: 60, maxSeconds: 7 * 86_400, seconds: 3_600 } as const;
/** How long the request that makes a plan judges it by itself; then a worker goes on. */
const JUDGE_AT_ONCE_MS = 5_000;
const COMPARED_AT_ONCE = 8;
const UNREADY = PLAN_ACTIONS.filter(isUnready);

export type NewPlan = {
  /** 1 to {@link PLAN_LIMITS}.items. */
  readonly items: readonly PlanRequest[];
  readonly reason?: string;
  /** How long it may wait to be applied, in seconds. */
  readonly expiresInSeconds?: number;
  /** Done in the transaction that makes the plan. */
  readonly within?: (tx: RequestContext, planId: string) => Promise<void>;
};

export type ApplyOptions = {
  readonly onFailure?: OnFailure;
  /** Leaves out items that cannot be carried out, instead of refusing. */
  readonly skipUnready?: boolean;
};

/** Plans: lists of changes that are judged first, and applied later as they were judged or not at all. */
@Injectable()
export class PlanService {
  constructor(
    private readonly database: Database,
    private readonly plans: PlanRepository,
    private readonly judge: PlanJudge,
    private readonly endings: PlanEndings,
    private readonly previews: ChangePreviews,
    private readonly views: PlanViews,
    private readonly access: AccessService,
    private readonly queue: JobQueue,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Saves a plan and judges its items: `ready` when it took a few seconds at most, else `judging`, which a worker goes on
   * with. A refused item is part of the plan, with the refusal. The same request with an idempotency key makes one plan.
   * @throws AppError ACCESS_DENIED, PLAN_ITEMS_OVERLAP, TOO_MANY_PLANS
   */
  async create(
    ctx: RequestContext,
    { items, reason, expiresInSeconds = PLAN_LIMITS.seconds, within }: NewPlan,
  ): Promise<PlanView> {
    const id = ctx.attempt?.id ?? newId();
    this.access.authorize(ctx, `claviger/plans/${id}`, 'create');
    assertApart(items);
    const requestedBy = requesterOf(ctx);
    if ((await this.plans.countOpen(ctx, requestedBy.id)) >= PLAN_LIMITS.open) throw tooManyPlans(PLAN_LIMITS.open);
    const owner = newId();
    const now = this.clock.now();
    const { owner: leaseOwner, until: leaseUntil } = leaseFrom(owner, now);
    const plan = {
      id,
      state: 'judging',
      requestedBy,
      tokenId: ctx.actor.id,
      reason: reason ?? null,
      itemCount: items.length,
      leaseOwner,
      leaseUntil,
      createdAt: now,
      expiresAt: new Date(now.getTime() + expiresInSeconds * 1_000),
    } as const;
    const isNew = await this.database.transaction(ctx, async (tx) => {
      const rows = items.map((request, index) => toItem(id, index + 1, withReason(request, reason)));
      if (!(await this.plans.insert(tx, plan, rows))) return false;
      await within?.(tx, id);
      await this.endings.trail(tx, 'plan.create', id, { items: items.length });
      return true;
    });
    if (isNew) await this.#judgeAtOnce(ctx, id, owner);
    return this.get(ctx, id);
  }

  /** Which of these plans ended without being applied. */
  async findUnapplied(ctx: RequestContext, ids: readonly string[]): Promise<string[]> {
    return this.plans.findInStates(ctx, ids, ['cancelled', 'expired', 'stale']);
  }

  /** The plan that an earlier execution of the caller's request made. */
  async findOfAttempt(ctx: RequestContext): Promise<PlanView | undefined> {
    const made = ctx.attempt && (await this.plans.find(ctx, ctx.attempt.id));
    return made ? this.get(ctx, made.id) : undefined;
  }

  /** @throws AppError PLAN_NOT_FOUND */
  async get(ctx: RequestContext, id: string): Promise<PlanView> {
    return this.views.one(ctx, await this.#find(ctx, id, 'read'));
  }

  /** One's own, and with `list claviger/plans/` those of others; the newest first. */
  async list(
    ctx: RequestContext,
    { isMine, ...query }: Omit<PlanListQuery, 'requesterId'> & { readonly isMine?: boolean },
  ): Promise<PlanView[]> {
    const isOnlyMine = isMine || !this.access.can(ctx, 'claviger/plans/', 'list');
    const requester = isOnlyMine ? { requesterId: ctx.actor.rootId } : {};
    return this.views.many(ctx, await this.plans.list(ctx, { ...query, ...requester }));
  }

  /** In their order, after a number. @throws AppError PLAN_NOT_FOUND */
  async listItems(
    ctx: RequestContext,
    id: string,
    page: { readonly limit: number; readonly after?: number },
  ): Promise<PlanItemView[]> {
    await this.#find(ctx, id, 'read');
    return this.views.items(ctx, await this.plans.listItems(ctx, id, page));
  }

  /**
   * Has a plan applied by a worker, with what the caller's token may do then. Refused as a whole, and ended, when anything
   * that an item was judged over has moved in our records. Asking again for what is under way says how it stands.
   * @throws AppError PLAN_NOT_FOUND, PLAN_NOT_YOURS, ACCESS_DENIED, PLAN_NOT_IN_STATE, PLAN_HAS_UNREADY_ITEMS, PLAN_STALE
   */
  async apply(ctx: RequestContext, id: string, options: ApplyOptions = {}): Promise<PlanView> {
    const plan = await this.#find(ctx, id, 'read');
    if (plan.requestedBy.id !== ctx.actor.rootId) throw planNotYours();
    this.access.authorize(ctx, `claviger/plans/${id}`, 'create');
    if (plan.state === 'applying' || plan.state === 'applied') return this.views.one(ctx, plan);
    this.#assertReady(plan);
    const items = await this.plans.listItems(ctx, id, { limit: PLAN_LIMITS.items });
    const unready = items.filter(({ action }) => isUnready(action));
    if (unready.length > 0 && !options.skipUnready) throw planHasUnready(unready.length);
    const moved = await this.#findMoved(ctx, items);
    // Where it does not end, somebody else has it applied already, and what has moved may be its own doing.
    if (moved.length > 0 && (await this.#endStale(ctx, id, moved))) throw planStale(moved.length);
    const now = this.clock.now();
    const { onFailure = 'continue' } = options;
    const isMine = await this.database.transaction(ctx, async (tx) => {
      const set = { tokenId: ctx.actor.id, onFailure, appliedAt: now };
      if (!(await this.plans.move(tx, id, 'applying', set))) return false;
      await this.plans.skipOpen(tx, id, now, UNREADY);
      await this.endings.trail(tx, 'plan.apply', id, { items: items.length - unready.length });
      this.database.afterCommit(tx, () => wakeForPlan(this.queue, tx, id));
      return true;
    });
    const view = await this.get(ctx, id);
    // Somebody was faster: with the same wish, or with another one.
    if (!isMine && view.state !== 'applying' && view.state !== 'applied') throw planNotInState(view.state, 'ready');
    return view;
  }

  /**
   * Ends a plan and erases its values. One that is being applied stops before its next item.
   * @throws AppError PLAN_NOT_FOUND, ACCESS_DENIED, PLAN_NOT_IN_STATE
   */
  async cancel(ctx: RequestContext, id: string): Promise<PlanView> {
    const plan = await this.#find(ctx, id, 'delete');
    if (isEnded(plan.state)) throw planNotInState(plan.state, 'judging, ready or applying');
    if (!(await this.endings.end(ctx, id, 'cancelled')) && !(await this.plans.stop(ctx, id)))
      throw planNotInState((await this.#find(ctx, id, 'delete')).state, 'judging, ready or applying');
    return this.get(ctx, id);
  }

  async #judgeAtOnce(ctx: RequestContext, id: string, owner: string): Promise<void> {
    const plan = (await this.plans.find(ctx, id))!;
    const giveUpAt = new Date(this.clock.now().getTime() + JUDGE_AT_ONCE_MS);
    if (await this.judge.run(ctx, plan, owner, giveUpAt)) return;
    await this.plans.release(ctx, id, owner);
    wakeForPlan(this.queue, ctx, id);
  }

  #assertReady({ state, expiresAt }: PlanEntity): void {
    if (state !== 'ready') throw planNotInState(state, 'ready');
    if (expiresAt <= this.clock.now()) throw planNotInState('expired', 'ready');
  }

  /** The items of which the records say something else than when they were judged. */
  async #findMoved(ctx: RequestContext, items: readonly PlanItemEntity[]): Promise<PlanItemEntity[]> {
    const judged = items.filter(({ action, base }) => base !== null && !isUnready(action));
    const moved: PlanItemEntity[] = [];
    for (let from = 0; from < judged.length; from += COMPARED_AT_ONCE) {
      const some = judged.slice(from, from + COMPARED_AT_ONCE);
      const same = await Promise.all(some.map((item) => this.#isUnmoved(ctx, item)));
      moved.push(...some.filter((_, index) => !same[index]));
    }
    return moved;
  }

  /** False, without a trace, when the plan is not ready any more. */
  async #endStale(ctx: RequestContext, id: string, moved: readonly PlanItemEntity[]): Promise<boolean> {
    const ending = this.database.transaction(ctx, async (tx) => {
      const stale = {
        state: 'stale',
        payload: null,
        base: null,
        code: 'PLAN_STALE',
        endedAt: this.clock.now(),
      } as const;
      for (const { number } of moved) await this.plans.updateItem(tx, id, number, stale);
      if (!(await this.endings.end(tx, id, 'stale'))) throw planNotInState('no longer ready', 'ready');
      return true;
    });
    return ending.catch((error: unknown) => {
      if (isAppError(error, 'PLAN_NOT_IN_STATE')) return false;
      throw error;
    });
  }

  async #isUnmoved(ctx: RequestContext, { base }: PlanItemEntity): Promise<boolean> {
    const { proposal, world } = base!;
    try {
      return await this.previews.isSameWorld(ctx, proposal as unknown as Proposal, world);
    } catch (error) {
      // What it is about is gone.
      if (isGone(error)) return false;
      throw error;
    }
  }

  /**
   * One's own may be seen, and dealt with by a token that may make plans: the identity alone, which a child token shares with
   * its parents, gives nothing that its policies do not. Others' where a policy says so.
   */
  async #find(ctx: RequestContext, id: string, operation: Operation): Promise<PlanEntity> {
    const plan = await this.plans.find(ctx, id);
    if (!plan) throw planNotFound();
    const path = `claviger/plans/${id}`;
    if (plan.requestedBy.id === ctx.actor.rootId) {
      if (operation === 'read' || this.access.can(ctx, path, 'create')) return plan;
    } else if (!this.access.can(ctx, path, 'read')) throw planNotFound();
    this.access.authorize(ctx, path, operation);
    return plan;
  }
}

/** @throws AppError PLAN_ITEMS_OVERLAP */
function assertApart(items: readonly PlanRequest[]): void {
  const seen = new Map<string, number>();
  for (const [index, request] of items.entries()) {
    const target = targetOf(request);
    const first = seen.get(target);
    if (first !== undefined) throw planItemsOverlap(first, index + 1);
    seen.set(target, index + 1);
  }
}

function toItem(planId: string, number: number, request: PlanRequest): NewPlanItem {
  const [secretId, subject] = 'secretId' in request ? [request.secretId, null] : [null, targetOf(request)];
  const named = { planId, number, id: newId(), kind: request.kind, secretId, subject };
  return { ...named, state: 'open', ...splitRequest(request) };
}

/** The reason of the plan is that of every item which has none of its own. */
function withReason(request: PlanRequest, reason: string | undefined): PlanRequest {
  return request.reason === undefined && reason !== undefined ? { ...request, reason } : request;
}

function isGone(error: unknown): boolean {
  return isAppError(error) && !error.retryable && error.kind !== 'internal';
}
