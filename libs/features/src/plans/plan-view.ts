import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { ChangeService, type ChangeState, type Requester, type ReviewStep } from '@claviger/features/changes';
import type { OnFailure, PlanEntity, PlanItemEntity } from './plan.entity.js';
import { PlanRepository } from './plan.repository.js';
import type { PlanItemState, PlanState } from './plan-state.js';
import type { PlanAction } from './plan-verdict.policy.js';

/** A plan as it is shown. */
export type PlanView = {
  readonly id: string;
  readonly state: PlanState;
  readonly requestedBy: Requester;
  readonly reason: string | null;
  readonly onFailure: OnFailure;
  readonly isStopping: boolean;
  readonly items: {
    readonly total: number;
    /** Those that were judged, and those that have ended. */
    readonly judged: number;
    readonly ended: number;
    readonly byAction: Readonly<Partial<Record<PlanAction, number>>>;
    readonly byState: Readonly<Partial<Record<PlanItemState, number>>>;
  };
  readonly expiresAt: Date;
  readonly createdAt: Date;
  readonly judgedAt: Date | null;
  readonly appliedAt: Date | null;
  readonly endedAt: Date | null;
};

/** An item as it is shown: never its value. */
export type PlanItemView = Pick<
  PlanItemEntity,
  'number' | 'kind' | 'secretId' | 'subject' | 'action' | 'waitsFor' | 'state' | 'endedAt'
> & {
  readonly plan: readonly ReviewStep[];
  /** Why it cannot be carried out, or was not. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** What it made, as it stands now. */
  readonly change: { readonly id: string; readonly state: ChangeState } | null;
};

/** Makes what is shown of plans. */
@Injectable()
export class PlanViews {
  constructor(
    private readonly plans: PlanRepository,
    private readonly changes: ChangeService,
  ) {}

  async one(ctx: RequestContext, plan: PlanEntity): Promise<PlanView> {
    return (await this.many(ctx, [plan]))[0]!;
  }

  async many(ctx: RequestContext, plans: readonly PlanEntity[]): Promise<PlanView[]> {
    const tally = await this.plans.tally(
      ctx,
      plans.map(({ id }) => id),
    );
    return plans.map((plan) => {
      const byAction: Record<string, number> = {};
      const byState: Record<string, number> = {};
      for (const { planId, action, state, count } of tally) {
        if (planId !== plan.id) continue;
        if (action !== null) byAction[action] = (byAction[action] ?? 0) + count;
        byState[state] = (byState[state] ?? 0) + count;
      }
      const { id, state, requestedBy, reason, onFailure, isStopping } = plan;
      const { itemCount: total, expiresAt, createdAt, judgedAt, appliedAt, endedAt } = plan;
      const judged = Object.values(byAction).reduce((sum, count) => sum + count, 0);
      const items = { total, judged, ended: total - (byState['open'] ?? 0), byAction, byState };
      const times = { expiresAt, createdAt, judgedAt, appliedAt, endedAt };
      return { id, state, requestedBy, reason, onFailure, isStopping, items, ...times };
    });
  }

  async items(ctx: RequestContext, rows: readonly PlanItemEntity[]): Promise<PlanItemView[]> {
    const ids = rows.flatMap(({ changeId }) => changeId ?? []);
    const states = await this.changes.statesOf(ctx, ids);
    return rows.map((row) => {
      const { number, kind, secretId, subject, action, waitsFor, state, endedAt, code, message, changeId } = row;
      const change = changeId === null ? undefined : states.get(changeId);
      return {
        number,
        kind,
        secretId,
        subject,
        action,
        plan: row.steps,
        waitsFor,
        state,
        endedAt,
        error: code === null ? null : { code, message: message ?? '' },
        change: changeId !== null && change ? { id: changeId, state: change } : null,
      };
    });
  }
}
