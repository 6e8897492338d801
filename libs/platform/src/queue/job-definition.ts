import type { TraceParent } from '@claviger/kernel';
import { z } from 'zod';

/** How urgent a job is: a user's change, then what failed before, then what looks for work. */
export const JOB_LANES = ['user', 'retry', 'sweep'] as const;
export type JobLane = (typeof JOB_LANES)[number];

/** How often a failed job runs again by itself. Work that must not be lost does not rely on this: its due time is in a table. */
export type RetryPolicy = {
  /** Runs altogether, at least 1. */
  readonly attempts: number;
  /** Before the second run; doubled for each further one, less a random part of up to a half. */
  readonly backoffMs: number;
};

export const NO_RETRY: RetryPolicy = { attempts: 1, backoffMs: 0 };

type PayloadValue = z.ZodUUID | z.ZodEnum | z.ZodLiteral | z.ZodInt | z.ZodBoolean;

/**
 * What a payload field may be: an id, a word of a fixed list, a whole number or a flag. Free text is not among them, so
 * that no value, name or address can be put into a queue, which keeps it in the clear.
 */
export type PayloadShape = Readonly<Record<string, PayloadValue | z.ZodOptional<PayloadValue>>>;

/** A kind of job: its one definition, from which enqueuing and handling are typed. */
export type JobDefinition<P = unknown> = {
  /** `noun.verb`, unique. */
  readonly name: `${string}.${string}`;
  readonly payload: z.ZodType<P>;
  readonly retry: RetryPolicy;
  /** The lane of a job that names none. */
  readonly lane: JobLane;
};

/** What a handler is told about the run, besides the payload. */
export type JobRun = {
  /** Names this run in logs, audit entries and calls. */
  readonly requestId: string;
  /** 1 for the first. */
  readonly attempt: number;
  readonly isLastAttempt: boolean;
  /** Where it stands in a trace, while traces are told. */
  readonly trace?: TraceParent | undefined;
  /** Aborts when the process is about to stop: put down what can be put down. */
  readonly signal: AbortSignal;
};

/** Does the work. Whatever it throws ends as a code in the queue; what it finds out belongs into tables. */
export type JobHandler<P> = (payload: P, run: JobRun) => Promise<void>;

/** Defines a job. Unknown payload fields are refused. */
export function defineJob<S extends PayloadShape>(init: {
  readonly name: `${string}.${string}`;
  readonly payload: z.ZodObject<S>;
  readonly retry: RetryPolicy;
  readonly lane: JobLane;
}): JobDefinition<z.infer<z.ZodObject<S>>> {
  return { ...init, payload: z.strictObject(init.payload.shape) as unknown as z.ZodType<z.infer<z.ZodObject<S>>> };
}
