import type { TraceParent } from '@claviger/kernel';
import type { JobDefinition, JobLane } from './job-definition.js';

export type EnqueueOptions = {
  /** What makes two jobs of one definition and lane the same; the whole payload unless given. */
  readonly dedupKey?: string;
  /** The definition's lane unless given. */
  readonly lane?: JobLane;
  /** Not before this many milliseconds from now. */
  readonly delayMs?: number;
  /** Because of what it is asked for; not a part of what makes two jobs the same. */
  readonly trace?: TraceParent;
};

/**
 * Wakes workers; also the injection token. A job is a hint that there may be work, and losing it loses nothing, because
 * what is due stands in tables and sweeps look there.
 */
export abstract class JobQueue {
  /**
   * Asks for a job to be run soon, and returns at once. Call it after commit (`Database.afterCommit`). Never throws: what
   * cannot be sent is logged and dropped.
   *
   * The same job asked for again while it waits runs once. Asked for while it runs, it runs once more afterwards: a
   * wake-up is never swallowed by a run that may have looked too early. One for now overtakes one for later (or one that
   * waits for its next attempt); jobs of different lanes are different jobs, so that no user waits behind a sweep.
   */
  abstract enqueue<P>(definition: JobDefinition<P>, payload: P, options?: EnqueueOptions): void;
}
