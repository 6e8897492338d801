import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Compares sources whose time has come with what is recorded. */
export const VERIFY_SOURCES = defineJob({
  name: 'secret.verify-sources',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

export const SECRET_JOBS = [VERIFY_SOURCES];
