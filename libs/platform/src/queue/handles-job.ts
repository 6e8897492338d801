import { SetMetadata } from '@nestjs/common';
import type { JobDefinition, JobHandler } from './job-definition.js';

export const HANDLES_JOB = Symbol('HANDLES_JOB');

/**
 * Makes a method of a provider the handler of a job: `@HandlesJob(RECONCILE) reconcile(payload, run) { … }`. The worker
 * finds it; each job needs exactly one.
 */
export function HandlesJob<P>(definition: JobDefinition<P>) {
  return <H extends JobHandler<P>>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<H>,
  ): void => {
    SetMetadata(HANDLES_JOB, definition)(target, key, descriptor as TypedPropertyDescriptor<unknown>);
  };
}
