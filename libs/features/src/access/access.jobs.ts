import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Removes tokens that have expired or are used up. */
export const REMOVE_ENDED_TOKENS = defineJob({
  name: 'token.remove-ended',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

export const ACCESS_JOBS = [REMOVE_ENDED_TOKENS];
