import { isAppError } from '@claviger/kernel';

const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

/**
 * The only thing that a queue is told about a failed run: BullMQ stores the message and the stack of what a job throws,
 * so both are the bare code. The name is BullMQ's own for "do not run again".
 */
export class JobFailure extends Error {
  constructor(
    readonly code: string,
    readonly isFinal: boolean,
  ) {
    super(code);
    this.name = isFinal ? 'UnrecoverableError' : 'JobFailure';
    this.stack = code;
  }
}

/**
 * What a queue is told about whatever a handler threw. An AppError that says that trying again is of no use ends the
 * job; time-outs, defects and everything unknown follow the job's retry policy.
 */
export function toJobFailure(thrown: unknown): JobFailure {
  if (!isAppError(thrown)) return new JobFailure('JOB_FAILED', false);
  const mayPass = thrown.retryable || thrown.kind === 'timeout' || thrown.kind === 'internal';
  return new JobFailure(CODE.test(thrown.code) ? thrown.code : 'JOB_FAILED', !mayPass);
}
