import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Goes on with an import that is scanning. */
export const SCAN_VAULT = defineJob({
  name: 'import.scan',
  payload: z.object({ storeId: z.uuid(), importId: z.uuid() }),
  retry: NO_RETRY,
  lane: 'user',
});

/** Goes on with imports whose worker has died, and removes those whose time is over. */
export const SWEEP_IMPORTS = defineJob({
  name: 'import.sweep',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

export const IMPORT_JOBS = [SCAN_VAULT, SWEEP_IMPORTS];
