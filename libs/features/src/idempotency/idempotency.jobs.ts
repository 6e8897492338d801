import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Removes the answers of requests that can be repeated no longer. */
export const REMOVE_EXPIRED_ANSWERS = defineJob({
  name: 'idempotency.remove-expired',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

export const IDEMPOTENCY_JOBS = [REMOVE_EXPIRED_ANSWERS];
