import type { RequestContext } from '@claviger/kernel';
import { defineJob, NO_RETRY, type JobQueue } from '@claviger/platform/queue';
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

/** Wakes a worker for a plan. */
export function wakeForPlan(queue: JobQueue, { storeId }: RequestContext, planId: string): void {
  queue.enqueue(CARRY_ON_PLAN, { storeId, planId }, { dedupKey: planId });
}

export const PLAN_JOBS = [CARRY_ON_PLAN, SWEEP_PLANS];
