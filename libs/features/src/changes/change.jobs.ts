import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Finishes changes whose executor has died. */
export const RECOVER_CHANGES = defineJob({
  name: 'change.recover',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

/** Gives up changes that failed more than a day ago, and erases what they were to write. */
export const ABANDON_CHANGES = defineJob({
  name: 'change.abandon',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

export const CHANGE_JOBS = [RECOVER_CHANGES, ABANDON_CHANGES];

/** Exports and removes changes that ended longer ago than they need be kept. */
export const RETAIN_CHANGES = defineJob({
  name: 'change.retain',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});
