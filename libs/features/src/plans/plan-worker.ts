import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { JobQueue } from '@claviger/platform/queue';
import { PlanApplier } from './plan-applier.js';
import { PlanEndings } from './plan-endings.js';
import { wakeForPlan } from './plan.jobs.js';
import { PlanJudge } from './plan-judge.js';
import { leaseFrom } from './plan-lease.js';
import { PlanRepository } from './plan.repository.js';

/** How long a plan is kept after its end. */
export const KEEP_ENDED_MS = 30 * 86_400_000;
const ENDED_AT_ONCE = 100;
const REMOVED_AT_ONCE = 100;
const WOKEN_AT_ONCE = 100;
/** After this time a plan goes to the end of the line, so that many long ones leave room for everybody's single changes. */
const TURN_MS = 15_000;

/** What workers do about plans. */
@Injectable()
export class PlanWorker {
  constructor(
    private readonly plans: PlanRepository,
    private readonly judge: PlanJudge,
    private readonly applier: PlanApplier,
    private readonly endings: PlanEndings,
    private readonly queue: JobQueue,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Judges or applies a plan for a while, unless somebody else does, and asks for another turn where more is left. */
  async carryOn(ctx: RequestContext, id: string): Promise<void> {
    const owner = newId();
    const now = this.clock.now();
    const plan = await this.plans.claim(ctx, id, leaseFrom(owner, now), now);
    if (!plan) return;
    const giveUpAt = new Date(now.getTime() + TURN_MS);
    const isOver = await (plan.state === 'applying' ? this.applier : this.judge).run(ctx, plan, owner, giveUpAt);
    if (isOver) return;
    await this.plans.release(ctx, id, owner);
    wakeForPlan(this.queue, ctx, id);
  }

  /** Ends what has expired, removes what is old, and wakes workers for what nobody works on. */
  async sweep(ctx: RequestContext): Promise<void> {
    const now = this.clock.now();
    for (const id of await this.plans.listExpired(ctx, now, ENDED_AT_ONCE)) await this.endings.end(ctx, id, 'expired');
    await this.plans.removeEnded(ctx, new Date(now.getTime() - KEEP_ENDED_MS), REMOVED_AT_ONCE);
    for (const id of await this.plans.listAbandoned(ctx, now, WOKEN_AT_ONCE)) wakeForPlan(this.queue, ctx, id);
  }

  /** Frees what a dead predecessor was working on, for a process that knows that it is alone on this database. */
  expireLeases(ctx: RequestContext): Promise<void> {
    return this.plans.expireLeases(ctx);
  }
}
