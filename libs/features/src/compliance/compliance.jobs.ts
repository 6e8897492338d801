import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Looks at secrets whose time has come, and carries out what was asked for. */
export const SWEEP_COMPLIANCE = defineJob({
  name: 'compliance.sweep',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

export const COMPLIANCE_JOBS = [SWEEP_COMPLIANCE];
