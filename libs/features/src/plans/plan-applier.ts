import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, faultPoint, isAppError, type Clock, type RequestContext } from '@claviger/kernel';
import { ChangePreviews, ChangeService, type ChangeEntity } from '@claviger/features/changes';
import { Database } from '@claviger/platform/database';
import { PlanActors } from './plan-actors.js';
import { PlanEndings } from './plan-endings.js';
import { leaseFrom } from './plan-lease.js';
import type { PlanEntity, PlanItemEntity } from './plan.entity.js';
import { outcomeOfChange, outcomeOfError, type ItemOutcome } from './plan-outcome.policy.js';
import { PlanProposals } from './plan-proposals.js';
import { PlanRepository } from './plan.repository.js';
import { firstDifference } from './plan-verdict.policy.js';

/** How long an item may take until its change is submitted. */
const PREPARE_LIMIT_MS = 30_000;

/** Applies plans, one item after another, each once. */
@Injectable()
export class PlanApplier {
  constructor(
    private readonly database: Database,
    private readonly plans: PlanRepository,
    private readonly proposals: PlanProposals,
    private readonly previews: ChangePreviews,
    private readonly changes: ChangeService,
    private readonly actors: PlanActors,
    private readonly endings: PlanEndings,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Goes on with a plan that is leased to `owner`, item after item until `giveUpAt`. True when it is out of these hands:
   * applied, stopped, or taken over.
   */
  async run(ctx: RequestContext, { id }: PlanEntity, owner: string, giveUpAt: Date): Promise<boolean> {
    for (;;) {
      const plan = await this.plans.renew(ctx, id, leaseFrom(owner, this.clock.now()));
      if (plan?.state !== 'applying') return true;
      const item = plan.isStopping ? undefined : await this.plans.findOpenItem(ctx, id);
      if (!item) {
        await this.endings.endApplied(ctx, plan, owner);
        return true;
      }
      faultPoint('plan.item-applying');
      const outcome = await this.#apply(ctx, plan, item);
      faultPoint('plan.item-applied');
      await this.#record(ctx, plan, item, outcome, owner);
      faultPoint('plan.item-recorded');
      if (this.clock.now() >= giveUpAt || ctx.signal?.aborted) return false;
    }
  }

  async #record(
    ctx: RequestContext,
    plan: PlanEntity,
    { number }: PlanItemEntity,
    outcome: ItemOutcome,
    owner: string,
  ): Promise<void> {
    const now = this.clock.now();
    await this.database.transaction(ctx, async (tx) => {
      if (!(await this.plans.renew(tx, plan.id, leaseFrom(owner, now)))) return;
      await this.plans.updateItem(tx, plan.id, number, { ...outcome, payload: null, base: null, endedAt: now });
      const hasFailed = outcome.state === 'failed' || outcome.state === 'stale';
      if (hasFailed && plan.onFailure === 'stop') await this.plans.skipOpen(tx, plan.id, now);
    });
  }

  async #apply(ctx: RequestContext, plan: PlanEntity, item: PlanItemEntity): Promise<ItemOutcome> {
    const made = await this.#findMade(ctx, item);
    if (made) return outcomeOfChange(made);
    try {
      return await this.#submit(await this.actors.callerOf(ctx, plan, AbortSignal.timeout(PREPARE_LIMIT_MS)), item);
    } catch (error) {
      if (!isAppError(error)) throw error;
      // Whatever went wrong, a change that was made tells what became of it.
      const change = await this.#findMade(ctx, item);
      if (change) return outcomeOfChange(change);
      if (error.kind === 'internal') throw error;
      return outcomeOfError(error);
    }
  }

  async #submit(caller: RequestContext, item: PlanItemEntity): Promise<ItemOutcome> {
    const { base, kind: _, steps } = item;
    const request = await this.plans.openRequest(caller, item);
    const { proposal, isUnchanged } = await this.proposals.propose(caller, request, base!);
    if (!(await this.previews.isSameWorld(caller, proposal, base!.world))) return MOVED;
    const preview = await this.previews.preview(caller, proposal);
    const difference = firstDifference(steps, preview.plan);
    if (difference) {
      const { profile, planned, now } = difference;
      return { ...MOVED, message: `At ${profile} the plan says ${planned}, and now it would be ${now}.` };
    }
    if (isUnchanged !== (item.action === 'no-op')) return MOVED;
    if (isUnchanged) return { state: 'no-op' };
    const attempt = { id: item.id, owner: item.id, granted: new Set<string>() };
    const { signal: _signal, ...unhurried } = caller;
    const change = await this.changes.submit({ ...unhurried, attempt }, proposal.kind, proposal.change);
    return outcomeOfChange(change);
  }

  /** The change that an earlier attempt made of the item, of which a dead process told nobody. */
  async #findMade(ctx: RequestContext, { id }: PlanItemEntity): Promise<ChangeEntity | undefined> {
    return this.changes.findOfAttempt(ctx, id);
  }
}

const MOVED: ItemOutcome = {
  state: 'stale',
  code: 'PLAN_STALE',
  message: 'What this is about has changed since it was planned.',
};
