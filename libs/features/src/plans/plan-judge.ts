import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, isAppError, type AppError, type Clock, type RequestContext } from '@claviger/kernel';
import { ChangePreviews } from '@claviger/features/changes';
import { Database } from '@claviger/platform/database';
import { PlanActors } from './plan-actors.js';
import { leaseFrom } from './plan-lease.js';
import type { PlanEntity, PlanItemEntity } from './plan.entity.js';
import { PlanProposals } from './plan-proposals.js';
import { PlanRepository } from './plan.repository.js';
import { actionOf, actionOfRefusal } from './plan-verdict.policy.js';

/** Items that are judged at the same time. */
const AT_ONCE = 4;
/** How long the vaults may take for them. */
const JUDGE_LIMIT_MS = 30_000;

type Verdict = Partial<PlanItemEntity>;

/** Says of each item of a plan what it would do, or why not. Nothing is written at any vault. */
@Injectable()
export class PlanJudge {
  constructor(
    private readonly database: Database,
    private readonly plans: PlanRepository,
    private readonly proposals: PlanProposals,
    private readonly previews: ChangePreviews,
    private readonly actors: PlanActors,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Judges what is not judged yet of a plan that is leased to `owner`, a few items at a time, until `giveUpAt`. True when
   * the plan is out of these hands: judged, or ended meanwhile.
   */
  async run(ctx: RequestContext, plan: PlanEntity, owner: string, giveUpAt?: Date): Promise<boolean> {
    for (;;) {
      const items = await this.plans.listItems(ctx, plan.id, { limit: AT_ONCE, isUnjudged: true });
      const isLast = items.length < AT_ONCE;
      const verdicts = await Promise.all(items.map((item) => this.#judge(ctx, plan, item)));
      const now = this.clock.now();
      const isKept = await this.database.transaction(ctx, async (tx) => {
        const held = isLast
          ? await this.plans.move(tx, plan.id, 'ready', { judgedAt: now, leaseOwner: null, leaseUntil: null }, owner)
          : await this.plans.renew(tx, plan.id, leaseFrom(owner, now));
        // What has ended meanwhile keeps nothing.
        if (!held) return false;
        for (const [index, { number }] of items.entries())
          await this.plans.updateItem(tx, plan.id, number, verdicts[index]!);
        return true;
      });
      if (!isKept || isLast) return true;
      if ((giveUpAt && this.clock.now() >= giveUpAt) || ctx.signal?.aborted) return false;
    }
  }

  async #judge(ctx: RequestContext, plan: PlanEntity, item: PlanItemEntity): Promise<Verdict> {
    try {
      const caller = await this.actors.callerOf(ctx, plan, AbortSignal.timeout(JUDGE_LIMIT_MS));
      const { proposal, isUnchanged, base } = await this.proposals.propose(
        caller,
        await this.plans.openRequest(ctx, item),
      );
      // Before the vaults are asked: what moves meanwhile is found to have moved.
      const world = await this.previews.digestWorld(caller, proposal);
      const { plan: steps, waitsFor } = await this.previews.preview(caller, proposal);
      const { payload: _, ...change } = proposal.change;
      return {
        action: actionOf(item.kind, steps, isUnchanged),
        steps,
        waitsFor: isUnchanged ? [] : waitsFor,
        subject: change.subject.name,
        base: { ...base, world, proposal: { kind: proposal.kind, change } },
      };
    } catch (error) {
      if (!isAppError(error) || error.kind === 'internal') throw error;
      return refused(error);
    }
  }
}

function refused(error: AppError): Verdict {
  return { action: actionOfRefusal(error.kind), code: error.code, message: error.message };
}
