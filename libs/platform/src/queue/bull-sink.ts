import type { Queue } from 'bullmq';
import type { JobSink } from './batching-job-queue.js';
import { QUEUE_NAMES, type QueuedJob, type QueueName } from './queued-job.js';

/** Sends jobs to BullMQ, one call a queue. */
export class BullSink implements JobSink {
  constructor(private readonly queues: Readonly<Record<QueueName, Queue>>) {}

  async send(jobs: readonly QueuedJob[]): Promise<void> {
    await Promise.all(QUEUE_NAMES.map((name) => this.#sendTo(name, jobs)));
  }

  async #sendTo(name: QueueName, jobs: readonly QueuedJob[]): Promise<void> {
    const batch = jobs.filter(({ queue }) => queue === name).map(({ name, data, opts }) => ({ name, data, opts }));
    if (batch.length > 0) await this.queues[name].addBulk(batch);
  }
}
