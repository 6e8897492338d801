import { defineJob, NO_RETRY } from '@claviger/platform/queue';
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

export const PLAN_JOBS = [CARRY_ON_PLAN, SWEEP_PLANS];
