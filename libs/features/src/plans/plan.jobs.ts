import type { RequestContext } from '@claviger/kernel';
import { defineJob, NO_RETRY, type JobQueue } from '@claviger/platform/queue';
import { traceOf } from '@claviger/platform/tracing';
import { z } from 'zod';

/** Goes on with a plan that is being judged or applied. */
export const CARRY_ON_PLAN = defineJob({
  name: 'plan.carry-on',
  payload: z.object({ storeId: z.uuid(), planId: z.uuid() }),
  retry: NO_RETRY,
  lane: 'user',
});

/** Goes on with plans whose worker has died, ends those whose time is over, and removes old ones. */
export const SWEEP_PLANS = defineJob({
  name: 'plan.sweep',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

/** Wakes a worker for a plan, because of what happens here. */
export function wakeForPlan(queue: JobQueue, ctx: RequestContext, planId: string): void {
  const { storeId } = ctx;
  queue.enqueue(CARRY_ON_PLAN, { storeId, planId }, { dedupKey: planId, ...traceOf(ctx) });
}

export const PLAN_JOBS = [CARRY_ON_PLAN, SWEEP_PLANS];
