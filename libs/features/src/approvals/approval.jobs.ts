import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Ends approvals whose time is over, and reminds of those whose time is nearly over. */
export const SWEEP_APPROVALS = defineJob({
  name: 'approval.sweep',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

export const APPROVAL_JOBS = [SWEEP_APPROVALS];
