import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Brings all due targets of one secret to what they should hold. */
export const RECONCILE_SECRET = defineJob({
  name: 'replication.reconcile',
  payload: z.object({ storeId: z.uuid(), secretId: z.uuid() }),
  retry: NO_RETRY,
  lane: 'user',
});

/** Wakes workers for targets that are due and were overlooked. */
export const SWEEP_TARGETS = defineJob({
  name: 'replication.sweep',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

/** Makes targets due whose scheduled check has come. */
export const VERIFY_TARGETS = defineJob({
  name: 'replication.verify',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

export const REPLICATION_JOBS = [RECONCILE_SECRET, SWEEP_TARGETS, VERIFY_TARGETS];
