import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Asks for the reports that schedules are due for, and draws what was asked for. */
export const SWEEP_REPORTS = defineJob({
  name: 'report.sweep',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

/** Erases the documents of reports whose time is over. */
export const EXPIRE_REPORTS = defineJob({
  name: 'report.expire',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

export const REPORT_JOBS = [SWEEP_REPORTS, EXPIRE_REPORTS];
