import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Compares sources whose time has come with what is recorded. */
export const VERIFY_SOURCES = defineJob({
  name: 'secret.verify-sources',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

/** Tells of secrets that are about to expire or due to be rotated. */
export const REMIND_OF_SECRETS = defineJob({
  name: 'secret.remind',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

export const SECRET_JOBS = [REMIND_OF_SECRETS, VERIFY_SOURCES];
