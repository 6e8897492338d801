import { formatTraceParent } from '@claviger/kernel';
import type { JobsOptions } from 'bullmq';
import type { JobDefinition, JobLane } from './job-definition.js';
import type { EnqueueOptions } from './job-queue.js';

/** The two queues: sweeps run long, and must not hold the places that a user's change needs. */
export const CHANGES_QUEUE = 'changes';
export const SWEEPS_QUEUE = 'sweeps';
export const QUEUE_NAMES = [CHANGES_QUEUE, SWEEPS_QUEUE] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

/** Smaller runs first. Jobs without a priority run before all of these; only ticks of schedules have none. */
const LANES: Readonly<Record<JobLane, { readonly queue: QueueName; readonly priority: number }>> = {
  user: { queue: CHANGES_QUEUE, priority: 1 },
  retry: { queue: CHANGES_QUEUE, priority: 2 },
  sweep: { queue: SWEEPS_QUEUE, priority: 3 },
};

/** Failed jobs kept for operators to look at, per queue. */
const KEPT_FAILURES = { count: 200, age: 7 * 86_400 };

/** Beside the payload: three ids that name no secret (W3C Trace Context). */
export const TRACE_FIELD = 'traceparent';

/** A job on its way into a queue. */
export type QueuedJob = {
  readonly queue: QueueName;
  readonly name: string;
  readonly data: unknown;
  readonly opts: JobsOptions;
  /** Jobs with the same one are the same. */
  readonly dedupId: string;
  readonly delayMs: number;
  readonly onlyIfIdle: boolean;
};

type Wish = {
  readonly definition: JobDefinition;
  /** Already parsed. */
  readonly payload: unknown;
  readonly options: EnqueueOptions;
  /** True for the tick of a schedule: it adds nothing while the job waits or runs. */
  readonly onlyIfIdle: boolean;
};

/** How a wish for a job is put to BullMQ. */
export function toQueuedJob({ definition, payload, options, onlyIfIdle }: Wish): QueuedJob {
  const lane = options.lane ?? definition.lane;
  const { queue, priority } = LANES[lane];
  const { attempts, backoffMs } = definition.retry;
  const delayMs = options.delayMs ?? 0;
  const id = `${definition.name}|${lane}|${options.dedupKey ?? payloadKey(payload)}`;
  return {
    queue,
    name: definition.name,
    data: options.trace ? { ...(payload as object), [TRACE_FIELD]: formatTraceParent(options.trace) } : payload,
    dedupId: id,
    delayMs,
    onlyIfIdle,
    opts: {
      priority,
      delay: delayMs,
      attempts,
      backoff: { type: 'exponential', delay: backoffMs, jitter: 0.5 },
      // `replace` lets a job for now take the place of one that waits for its time; a running one is never replaced.
      deduplication: onlyIfIdle ? { id } : { id, keepLastIfActive: true, replace: delayMs === 0 },
      removeOnComplete: true,
      removeOnFail: KEPT_FAILURES,
      stackTraceLimit: 0,
    },
  };
}

/** Fields in the order of their names, so that it does not matter in which order a caller wrote them. */
export function payloadKey(payload: unknown): string {
  return Object.entries(payload as Record<string, unknown>)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, value]) => String(value))
    .join('/');
}

/** True when a wish may take the place of another one for the same job that has not been sent yet. */
export function outranks(job: QueuedJob, other: QueuedJob): boolean {
  if (job.onlyIfIdle !== other.onlyIfIdle) return other.onlyIfIdle;
  return job.delayMs < other.delayMs;
}
