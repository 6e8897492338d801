import type { RequestContext } from '@claviger/kernel';
import { defineJob, NO_RETRY, type JobQueue } from '@claviger/platform/queue';
import { traceOf } from '@claviger/platform/tracing';
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

/** Wakes a worker for an import, because of what happens here. */
export function wakeForImport(queue: JobQueue, ctx: RequestContext, importId: string): void {
  const { storeId } = ctx;
  queue.enqueue(SCAN_VAULT, { storeId, importId }, { dedupKey: importId, ...traceOf(ctx) });
}

export const IMPORT_JOBS = [SCAN_VAULT, SWEEP_IMPORTS];
