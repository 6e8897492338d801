import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Brings all due targets of one secret to what they should hold. */
export const RECONCILE_SECRET = defineJob({
  name: 'replication.reconcile',
  payload: z.object({ storeId: z.uuid(), secretId: z.uuid() }),
  retry: NO_RETRY,
  lane: 'user',
});
