import { payloadKey } from './queued-job.js';
import type { JobDefinition } from './job-definition.js';

/** A job that is asked for again and again. */
export type JobSchedule = {
  readonly id: string;
  readonly definition: JobDefinition;
  readonly payload: unknown;
  readonly everyMs: number;
};

/**
 * A job to be run every `everyMs` milliseconds by one of the workers, first when the first worker starts. Runs never pile
 * up: a tick that finds the job still waiting or running adds nothing.
 */
export function everyMs<P>(everyMs: number, definition: JobDefinition<P>, payload: P): JobSchedule {
  const key = payloadKey(payload);
  return { id: key === '' ? definition.name : `${definition.name}|${key}`, definition, payload, everyMs };
}
