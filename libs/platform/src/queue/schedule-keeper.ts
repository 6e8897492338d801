import type { Logger } from '@claviger/platform/telemetry';
import type { Queue } from 'bullmq';
import type { BatchingJobQueue } from './batching-job-queue.js';
import type { JobSchedule } from './job-schedule.js';

const CHECK_MS = 15_000;
/** How late a tick may be before its schedule is taken for stuck. */
const OVERDUE_MS = 30_000;
const TICK = 'queue.tick';

/**
 * Keeps the recurring jobs of BullMQ equal to one list. BullMQ itself only ticks: the tick then asks for the job, so that
 * the job has its lane, its retries, and never runs twice at a time. What was lost with an emptied queue is put back
 * within 15 seconds.
 */
export class ScheduleKeeper {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly queue: Queue,
    private readonly jobs: BatchingJobQueue,
    private readonly schedules: readonly JobSchedule[],
    private readonly logger: Logger,
  ) {}

  /** Puts the schedules in place and keeps looking after them. */
  start(): void {
    void this.keep();
    this.#timer = setInterval(() => void this.keep(), CHECK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Adds what is missing, changed or stuck and removes what is not in the list any more. Never rejects. */
  async keep(): Promise<void> {
    try {
      const present = new Map((await this.queue.getJobSchedulers()).map((scheduler) => [scheduler.key, scheduler]));
      for (const schedule of this.schedules) {
        const found = present.get(schedule.id);
        const isInPlace = found?.every === schedule.everyMs && (found.next ?? 0) > Date.now() - OVERDUE_MS;
        if (!isInPlace) await this.#put(schedule);
        present.delete(schedule.id);
      }
      for (const id of present.keys()) await this.queue.removeJobScheduler(id);
    } catch (error) {
      this.logger.warn('queue.schedules_unchecked', {}, error);
    }
  }

  /** What a tick does. */
  tick(scheduleId: string): void {
    const schedule = this.schedules.find(({ id }) => id === scheduleId);
    if (schedule) this.jobs.enqueueIfIdle(schedule.definition, schedule.payload);
  }

  async #put({ id, everyMs }: JobSchedule): Promise<void> {
    const opts = { removeOnComplete: true, removeOnFail: true, stackTraceLimit: 0 };
    await this.queue.upsertJobScheduler(id, { every: everyMs }, { name: TICK, opts });
  }
}
