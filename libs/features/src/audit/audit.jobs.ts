import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Makes the partitions of the days to come, and makes those that are over searchable. */
export const MAINTAIN_AUDIT = defineJob({
  name: 'audit.maintain',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

/** Exports and drops the days that are older than they need be kept. */
export const RETAIN_AUDIT = defineJob({
  name: 'audit.retain',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});
