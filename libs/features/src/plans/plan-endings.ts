import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { Outbox } from '@claviger/features/notifications';
import { Database } from '@claviger/platform/database';
import type { PlanEntity } from './plan.entity.js';
import { PlanRepository } from './plan.repository.js';
import type { PlanState } from './plan-state.js';

/** How plans end: their values are erased in the transaction that ends them. */
@Injectable()
export class PlanEndings {
  constructor(
    private readonly database: Database,
    private readonly plans: PlanRepository,
    private readonly audit: AuditService,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Ends a plan that nobody applies. False when it is not in a state for that. */
  end(ctx: RequestContext, id: string, to: Extract<PlanState, 'cancelled' | 'expired' | 'stale'>): Promise<boolean> {
    return this.database.transaction(ctx, async (tx) => {
      const endedAt = this.clock.now();
      if (!(await this.plans.move(tx, id, to, { ...LET_GO, endedAt }))) return false;
      await this.plans.skipOpen(tx, id, endedAt);
      await this.trail(tx, VERBS[to], id);
      return true;
    });
  }

  /** Ends a plan whose items were all applied, or that was to stop: what is left is skipped. */
  async endApplied(ctx: RequestContext, { id, isStopping }: PlanEntity, owner: string): Promise<void> {
    await this.database.transaction(ctx, async (tx) => {
      const endedAt = this.clock.now();
      const to = isStopping ? 'cancelled' : 'applied';
      if (!(await this.plans.move(tx, id, to, { ...LET_GO, endedAt }, owner))) return;
      await this.plans.skipOpen(tx, id, endedAt);
      const facts: Record<string, number> = {};
      for (const { state, count } of await this.plans.tally(tx, [id])) facts[state] = (facts[state] ?? 0) + count;
      const hasFailed = Boolean(facts['failed'] ?? facts['stale']);
      await this.trail(tx, isStopping ? 'plan.stopped' : 'plan.applied', id, facts);
      await this.outbox.add(tx, hasFailed ? 'plan.failed' : 'plan.applied', id, facts);
    });
  }

  /** Notes in the audit log what happened to a plan. In the transaction that makes it so. */
  async trail(tx: RequestContext, action: string, id: string, details: Record<string, number> = {}): Promise<void> {
    const event = { action, outcome: 'allowed', resource: { kind: 'plan', id }, details } as const;
    await this.audit.record(tx, this.audit.entry(tx, event));
  }
}

const LET_GO = { leaseOwner: null, leaseUntil: null } as const;
const VERBS = { cancelled: 'plan.cancel', expired: 'plan.expire', stale: 'plan.stale' } as const;
