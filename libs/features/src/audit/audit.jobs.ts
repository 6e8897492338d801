import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Makes the partitions of the days to come. */
export const MAINTAIN_AUDIT = defineJob({
  name: 'audit.maintain',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});
