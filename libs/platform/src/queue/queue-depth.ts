import type { Clock } from '@claviger/kernel';
import type { Queue } from 'bullmq';
import { QUEUE_DEPTH, QUEUED_STATES } from './queue.metrics.js';
import { QUEUE_NAMES, type QueueName } from './queued-job.js';
import { settlesWithin } from './settles-within.js';

const EVERY_MS = 15_000;
const TIMEOUT_MS = 2_000;

/** Tells how many jobs are in the queues, asked for at most every 15 seconds. A queue that does not answer is told nothing of. */
export class QueueDepth {
  #nextAt = 0;

  constructor(
    private readonly queues: Readonly<Record<QueueName, Pick<Queue, 'getJobCounts'>>>,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly isTeller: () => Promise<boolean>,
  ) {}

  /** Never rejects. */
  async refresh(): Promise<void> {
    const now = this.clock.now().getTime();
    if (now < this.#nextAt) return;
    this.#nextAt = now + EVERY_MS;
    QUEUE_DEPTH.clear();
    const counting = this.#count();
    await settlesWithin(counting, TIMEOUT_MS);
  }

  async #count(): Promise<void> {
    try {
      if (!(await this.isTeller())) return;
      for (const queue of QUEUE_NAMES) {
        const counts = await this.queues[queue].getJobCounts(...QUEUED_STATES);
        for (const state of QUEUED_STATES) QUEUE_DEPTH.of({ queue, state }).set(counts[state] ?? 0);
      }
    } catch {
      // The health of the queue is told elsewhere.
    }
  }
}
