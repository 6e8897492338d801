import type { Logger } from '@claviger/platform/telemetry';
import { newId } from '@claviger/kernel';
import { OnWorkerEvent, WorkerHost } from '@nestjs/bullmq';
import { WaitingError, type Job, type WorkerOptions } from 'bullmq';
import { ErrorThrottle } from './error-throttle.js';
import type { JobDispatcher } from './job-dispatcher.js';
import type { JobRun } from './job-definition.js';
import { JobFailure } from './job-failure.js';
import type { ScheduleKeeper } from './schedule-keeper.js';
import { settlesWithin } from './settles-within.js';

/**
 * A job whose worker died comes back when its lock is out and a check has seen so: within about 15 seconds. Work
 * that must go on sooner is found in the tables.
 */
export const LANE_WORKER_OPTIONS = {
  autorun: false,
  lockDuration: 10_000,
  stalledInterval: 5_000,
  maxStalledCount: 3,
  runRetryDelay: 1_000,
} satisfies Partial<WorkerOptions>;

export type LaneOptions = {
  /** Jobs of one queue at the same time. */
  readonly concurrency: number;
  /** How long running jobs may take to finish when the process stops. */
  readonly drainMs: number;
  /** Fails what waits for a queue that does not answer. */
  readonly cutQueue: () => void;
};

const INTERRUPTED = Symbol('interrupted');
const CLOSE_GRACE_MS = 2_000;

/** Runs the jobs of one queue. */
export abstract class LaneProcessor extends WorkerHost {
  readonly #running = new Set<() => void>();
  readonly #errors: ErrorThrottle;

  constructor(
    private readonly dispatcher: JobDispatcher,
    private readonly schedules: ScheduleKeeper,
    private readonly options: LaneOptions,
    private readonly logger: Logger,
  ) {
    super();
    this.#errors = new ErrorThrottle(logger, 'queue.worker_error');
  }

  /** Starts taking jobs. */
  start(): void {
    this.worker.concurrency = this.options.concurrency;
    this.worker.run().catch(this.#errors.onError);
  }

  /** Without a listener, from the beginning, BullMQ prints the whole error, which on PostgreSQL has the password in it. */
  @OnWorkerEvent('error')
  onError(error: unknown): void {
    this.#errors.onError(error);
  }

  /**
   * Takes no further jobs and waits for those that run. Those that take longer than `drainMs` are told to stop, and go
   * back into the queue; a queue that does not answer is left two seconds later.
   */
  async drain(): Promise<void> {
    const closing = this.worker.close();
    if (await settlesWithin(closing, this.options.drainMs)) return;
    for (const interrupt of this.#running) interrupt();
    if (await settlesWithin(closing, CLOSE_GRACE_MS)) return;
    this.options.cutQueue();
    await settlesWithin(closing, CLOSE_GRACE_MS);
  }

  /** Called by BullMQ. @throws JobFailure, or what tells BullMQ that the job was put back */
  async process(job: Job, token?: string): Promise<void> {
    if (job.repeatJobKey !== undefined) return this.schedules.tick(job.repeatJobKey);
    const stop = new AbortController();
    let interrupt = (): void => undefined;
    const interrupted = new Promise<symbol>((resolve) => {
      interrupt = () => (stop.abort(), resolve(INTERRUPTED));
    });
    this.#running.add(interrupt);
    try {
      const work = this.dispatcher.dispatch(job.name, job.data, runOf(job, stop.signal));
      if ((await Promise.race([work, interrupted])) === INTERRUPTED) await this.#putBack(job, token, work);
    } finally {
      this.#running.delete(interrupt);
    }
  }

  async #putBack(job: Job, token: string | undefined, abandoned: Promise<void>): Promise<never> {
    abandoned.catch(() => undefined);
    this.logger.warn('queue.job_interrupted', { job: job.name });
    try {
      await job.moveToWait(token);
    } catch {
      throw new JobFailure('JOB_INTERRUPTED', false);
    }
    throw new WaitingError();
  }
}

function runOf(job: Job, signal: AbortSignal): JobRun {
  const attempt = job.attemptsMade + 1;
  return { requestId: newId(), attempt, isLastAttempt: attempt >= (job.opts.attempts ?? 1), signal };
}
