import type { Logger } from '@claviger/platform/telemetry';
import type { JobDefinition } from './job-definition.js';
import { JobQueue, type EnqueueOptions } from './job-queue.js';
import type { JobRegistry } from './job-registry.js';
import { JOBS_DROPPED } from './queue.metrics.js';
import { settlesWithin } from './settles-within.js';
import { outranks, toQueuedJob, type QueuedJob } from './queued-job.js';

const GATHER_MS = 20;
const MAX_BATCH = 500;
const MAX_WAITING = 10_000;
const CLOSE_WITHIN_MS = 2_000;

/** Where gathered jobs go. */
export interface JobSink {
  /** Adds jobs to their queues; rejects when it cannot. */
  send(jobs: readonly QueuedJob[]): Promise<void>;
}

/**
 * Sends jobs in batches, at most one batch every 20 ms and one at a time: on PostgreSQL each sending is a NOTIFY, and
 * commits with a NOTIFY wait for each other in the whole database. The first job after a pause goes at the end of the
 * event loop's turn. Jobs that are the same by their deduplication key are sent once a batch.
 */
export class BatchingJobQueue extends JobQueue {
  readonly #waiting = new Map<string, QueuedJob>();
  #sending: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #lastSentAt = -Infinity;
  #dropped = 0;
  #isClosed = false;

  constructor(
    private readonly registry: JobRegistry,
    private readonly sink: JobSink,
    private readonly logger: Logger,
  ) {
    super();
  }

  enqueue<P>(definition: JobDefinition<P>, payload: P, options: EnqueueOptions = {}): void {
    this.#add(definition, payload, options, false);
  }

  /** As `enqueue`, but adds nothing while the same job waits or runs. */
  enqueueIfIdle<P>(definition: JobDefinition<P>, payload: P): void {
    this.#add(definition, payload, {}, true);
  }

  /** Sends what waits, for at most two seconds; what cannot be sent by then is dropped. */
  async close(): Promise<void> {
    await settlesWithin(this.#sendAll(), CLOSE_WITHIN_MS);
    this.#isClosed = true;
    this.#stopTimer();
    this.#dropped += this.#waiting.size;
    this.#waiting.clear();
    this.#tellDropped();
  }

  #add(definition: JobDefinition, payload: unknown, options: EnqueueOptions, onlyIfIdle: boolean): void {
    const parsed = definition.payload.safeParse(payload);
    if (!parsed.success || !this.registry.has(definition)) {
      const code = parsed.success ? 'JOB_NOT_REGISTERED' : 'JOB_PAYLOAD_INVALID';
      this.logger.error('queue.job_refused', { job: definition.name, code });
      return;
    }
    const job = toQueuedJob({ definition, payload: parsed.data, options, onlyIfIdle });
    const same = this.#waiting.get(job.dedupId);
    if (same && !outranks(job, same)) return;
    if (!same && (this.#isClosed || this.#waiting.size >= MAX_WAITING)) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.set(job.dedupId, job);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#sending || this.#cancelTimer || this.#isClosed || this.#waiting.size === 0) return;
    const waitMs = this.#lastSentAt + GATHER_MS - performance.now();
    const send = (): void => {
      this.#cancelTimer = undefined;
      void this.#sendBatch();
    };
    if (waitMs > 0) {
      const timer = setTimeout(send, waitMs);
      this.#cancelTimer = () => clearTimeout(timer);
    } else {
      const timer = setImmediate(send);
      this.#cancelTimer = () => clearImmediate(timer);
    }
  }

  async #sendAll(): Promise<void> {
    this.#stopTimer();
    await this.#sending;
    while (this.#waiting.size > 0) await this.#sendBatch();
  }

  #sendBatch(): Promise<void> {
    this.#sending ??= this.#send(this.#takeBatch()).finally(() => {
      this.#sending = undefined;
      this.#schedule();
    });
    return this.#sending;
  }

  async #send(batch: readonly QueuedJob[]): Promise<void> {
    this.#lastSentAt = performance.now();
    try {
      await this.sink.send(batch);
    } catch (error) {
      JOBS_DROPPED.of({}).add(batch.length);
      this.logger.warn('queue.enqueue_failed', { count: batch.length }, error);
    }
    this.#tellDropped();
  }

  #tellDropped(): void {
    if (this.#dropped > 0) {
      JOBS_DROPPED.of({}).add(this.#dropped);
      this.logger.warn('queue.jobs_dropped', { count: this.#dropped });
    }
    this.#dropped = 0;
  }

  #takeBatch(): QueuedJob[] {
    const batch: QueuedJob[] = [];
    for (const [id, job] of this.#waiting) {
      if (batch.length === MAX_BATCH) break;
      batch.push(job);
      this.#waiting.delete(id);
    }
    return batch;
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}
