import { Injectable } from '@nestjs/common';
import type { TraceParent } from '@claviger/kernel';
import { JobQueue } from '@claviger/platform/queue';
import { RECONCILE_SECRET } from './replication.jobs.js';
import type { LANES } from './sync-target.entity.js';

/** Tells the workers that targets of a secret are due, and because of what. Losing a wake-up loses nothing: a sweep finds what is due. */
@Injectable()
export class ReplicationWakeUps {
  constructor(private readonly queue: JobQueue) {}

  wake(storeId: string, secretId: string, lane: keyof typeof LANES, trace?: TraceParent): void {
    this.queue.enqueue(RECONCILE_SECRET, { storeId, secretId }, { dedupKey: secretId, lane, ...(trace && { trace }) });
  }
}
