import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { PlanApplier } from './plan-applier.js';
import { PlanEndings } from './plan-endings.js';
import { PlanJudge } from './plan-judge.js';
import { leaseFrom } from './plan-lease.js';
import { PlanRepository } from './plan.repository.js';

/** How long a plan is kept after its end. */
export const KEEP_ENDED_MS = 30 * 86_400_000;
const ENDED_AT_ONCE = 100;
const REMOVED_AT_ONCE = 100;
/** Plans that a sweep goes on with; the next one takes the rest. */
const CARRIED_ON_AT_ONCE = 4;

/** What workers do about plans. */
@Injectable()
export class PlanWorker {
  constructor(
    private readonly plans: PlanRepository,
    private readonly judge: PlanJudge,
    private readonly applier: PlanApplier,
    private readonly endings: PlanEndings,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Judges or applies a plan, unless somebody else does. Ends early when the context's signal aborts. */
  async carryOn(ctx: RequestContext, id: string): Promise<void> {
    const owner = newId();
    const now = this.clock.now();
    const plan = await this.plans.claim(ctx, id, leaseFrom(owner, now), now);
    if (!plan) return;
    if (plan.state === 'applying') return this.applier.run(ctx, plan, owner);
    if (!(await this.judge.run(ctx, plan, owner))) await this.plans.release(ctx, id, owner);
  }

  /** Ends what has expired, removes what is old, and goes on with what nobody does. */
  async sweep(ctx: RequestContext): Promise<void> {
    const now = this.clock.now();
    for (const id of await this.plans.listExpired(ctx, now, ENDED_AT_ONCE)) await this.endings.end(ctx, id, 'expired');
    await this.plans.removeEnded(ctx, new Date(now.getTime() - KEEP_ENDED_MS), REMOVED_AT_ONCE);
    const abandoned = await this.plans.listAbandoned(ctx, now, CARRIED_ON_AT_ONCE);
    await Promise.all(abandoned.map((id) => this.carryOn(ctx, id)));
  }

  /** Frees what a dead predecessor was working on, for a process that knows that it is alone on this database. */
  expireLeases(ctx: RequestContext): Promise<void> {
    return this.plans.expireLeases(ctx);
  }
}
