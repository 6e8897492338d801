import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Goes on with the rotations of keys that are under way. */
export const ADVANCE_KEY_ROTATIONS = defineJob({
  name: 'keys.advance-rotations',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

export const KEY_JOBS = [ADVANCE_KEY_ROTATIONS];
