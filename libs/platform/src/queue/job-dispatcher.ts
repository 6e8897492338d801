import type { Logger } from '@claviger/platform/telemetry';
import { parseTraceParent } from '@claviger/kernel';
import { TRACING } from '@claviger/platform/tracing';
import { TRACE_FIELD } from './queued-job.js';
import type { JobDefinition, JobHandler, JobRun } from './job-definition.js';
import { toJobFailure, type JobFailure } from './job-failure.js';
import type { JobRegistry } from './job-registry.js';
import { JOB_SECONDS, JOBS_RUN } from './queue.metrics.js';
import { jobHandledTwice, jobHandlersIncomplete, jobPayloadInvalid, jobUnknown } from './queue.errors.js';

type Handled = { readonly definition: JobDefinition; readonly handler: JobHandler<unknown> };

/** Brings a job to its handler, and what the handler throws into the form in which a queue may keep it. */
export class JobDispatcher {
  readonly #handled = new Map<string, Handled>();

  constructor(
    private readonly registry: JobRegistry,
    private readonly logger: Logger,
  ) {}

  /** @throws AppError `JOB_HANDLED_TWICE` */
  handle<P>(definition: JobDefinition<P>, handler: JobHandler<P>): void {
    if (this.#handled.has(definition.name)) throw jobHandledTwice(definition.name);
    this.#handled.set(definition.name, { definition, handler: handler as JobHandler<unknown> });
  }

  /** @throws AppError `JOB_HANDLERS_INCOMPLETE` naming each job without a handler and each handler without a job */
  assertComplete(): void {
    const unhandled = this.registry.names().filter((name) => !this.#handled.has(name));
    const undefinedJobs = [...this.#handled.values()].filter(({ definition }) => !this.registry.has(definition));
    const problems = [
      ...unhandled.map(
        (name) => `The job "${name}" has no handler: put @HandlesJob on a method of one of the worker's providers.`,
      ),
      ...undefinedJobs.map(
        ({ definition: { name } }) =>
          `The handler of "${name}" has no job: pass the definition to QueueModule.forFeature in its feature's module.`,
      ),
    ];
    if (problems.length > 0) throw jobHandlersIncomplete(problems);
  }

  /**
   * Runs the handler of a job.
   *
   * @param data the payload as it came from the queue
   * @throws JobFailure, and nothing else; the error behind it is logged
   */
  async dispatch(name: string, data: unknown, run: JobRun): Promise<void> {
    const { [TRACE_FIELD]: cause, ...payload } = (data ?? {}) as Record<string, unknown>;
    const attributes = { 'claviger.request_id': run.requestId, 'claviger.attempt': run.attempt };
    const within = { ...run, trace: parseTraceParent(cause) };
    await TRACING.within(within, { name: `job ${name}`, kind: 'consumer', attributes }, (traced) =>
      this.#dispatch(name, payload, traced),
    );
  }

  async #dispatch(name: string, data: unknown, run: JobRun): Promise<void> {
    const startedAt = performance.now();
    try {
      const handled = this.#handled.get(name);
      if (!handled) throw jobUnknown();
      const payload = handled.definition.payload.safeParse(data);
      if (!payload.success) throw jobPayloadInvalid(name);
      await handled.handler(payload.data, run);
      JOBS_RUN.of({ job: name, outcome: 'done' }).add();
    } catch (error) {
      const failure = toJobFailure(error);
      const isOver = failure.isFinal || run.isLastAttempt;
      JOBS_RUN.of({ job: name, outcome: isOver ? 'failed' : 'retried' }).add();
      this.#log(failure, error, { job: name, requestId: run.requestId, attempt: run.attempt }, isOver);
      throw failure;
    } finally {
      JOB_SECONDS.of({ job: name }).observe((performance.now() - startedAt) / 1_000);
    }
  }

  #log(
    failure: JobFailure,
    error: unknown,
    facts: { job: string; requestId: string; attempt: number },
    isOver: boolean,
  ): void {
    if (isOver) this.logger.error('queue.job_failed', { ...facts, code: failure.code }, error);
    else this.logger.warn('queue.job_will_retry', { ...facts, code: failure.code }, error);
  }
}
