import { AppError, newId, type ErrorKind } from '@claviger/kernel';
import { METRICS } from '@claviger/platform/metrics';
import { captureLogs, type LogCapture } from '@claviger/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineJob, NO_RETRY, type JobRun } from './job-definition.js';
import { JobDispatcher } from './job-dispatcher.js';
import { JobFailure, toJobFailure } from './job-failure.js';
import { JobRegistry } from './job-registry.js';

const define = (name: `${string}.${string}`) =>
  defineJob({ name, payload: z.object({ id: z.uuid() }), retry: NO_RETRY, lane: 'user' });
const JOB = define('test.job');
const OTHER = define('test.other');
const canary = 'canary-a4f0';
const run = (isLastAttempt = true): JobRun => ({
  requestId: newId(),
  attempt: 2,
  isLastAttempt,
  signal: new AbortController().signal,
});

let registry: JobRegistry;
let logs: LogCapture;
let dispatcher: JobDispatcher;

beforeEach(() => {
  registry = new JobRegistry();
  logs = captureLogs();
  dispatcher = new JobDispatcher(registry, logs.logger);
});

describe('JobDispatcher', () => {
  it('is complete when each job has its handler', () => {
    registry.add(JOB, OTHER);
    dispatcher.handle(JOB, async () => undefined);
    dispatcher.handle(OTHER, async () => undefined);
    expect(() => dispatcher.assertComplete()).not.toThrow();
  });

  it('names every job without a handler and every handler without a job, with the fix', () => {
    registry.add(JOB);
    dispatcher.handle(OTHER, async () => undefined);
    expect(() => dispatcher.assertComplete()).toThrow(
      expect.objectContaining({
        code: 'JOB_HANDLERS_INCOMPLETE',
        details: {
          problems: [
            expect.stringMatching(/"test\.job" has no handler.*@HandlesJob/),
            expect.stringMatching(/"test\.other" has no job.*forFeature/),
          ],
        },
      }),
    );
  });

  it('does not take another definition of the same name for the job', () => {
    registry.add(JOB);
    dispatcher.handle(define('test.job'), async () => undefined);
    expect(() => dispatcher.assertComplete()).toThrow(/has no job/);
    expect(() => registry.add(define('test.job'))).toThrow(expect.objectContaining({ code: 'JOB_DEFINED_TWICE' }));
  });

  it.each([
    ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'b7ad6b7169203331'],
    ['canary', undefined],
    [7, undefined],
    [undefined, undefined],
  ])(
    'tells the handler where it stands in a trace, when the job says so and truly: %j',
    async (traceparent, spanId) => {
      const handled: unknown[] = [];
      registry.add(JOB);
      dispatcher.handle(JOB, async (payload, { trace }) => void handled.push(payload, trace?.spanId));
      const payload = { id: newId() };
      await dispatcher.dispatch(JOB.name, { ...payload, ...(traceparent !== undefined && { traceparent }) }, run());
      expect(handled).toEqual([payload, spanId]);
    },
  );

  it('counts what came of each run, by the names of jobs that there are', async () => {
    registry.add(JOB);
    dispatcher.handle(JOB, () => Promise.reject(new Error('x')));
    await dispatcher.dispatch(JOB.name, { id: newId() }, run(true)).catch(() => undefined);
    await dispatcher.dispatch(canary, {}, run()).catch(() => undefined);
    const told = await METRICS.render();
    expect(told).toMatch(/claviger_jobs_total{job="test\.job",outcome="failed"} [1-9]/);
    expect(told).toMatch(/claviger_jobs_total{job="other",outcome="failed"} [1-9]/);
    expect(told).not.toContain(canary);
  });

  it('refuses a second handler', () => {
    dispatcher.handle(JOB, async () => undefined);
    expect(() => dispatcher.handle(JOB, async () => undefined)).toThrow(
      expect.objectContaining({ code: 'JOB_HANDLED_TWICE' }),
    );
  });

  it('gives the handler the payload and the run', async () => {
    const seen: unknown[] = [];
    dispatcher.handle(JOB, async (...args) => void seen.push(args));
    const [payload, thisRun] = [{ id: newId() }, run()];
    await dispatcher.dispatch('test.job', payload, thisRun);
    expect(seen).toEqual([[payload, thisRun]]);
  });

  it.each([
    ['an unknown job', 'test.of-tomorrow', { id: newId() }, 'JOB_UNKNOWN'],
    ['a payload that does not fit', 'test.job', { id: canary }, 'JOB_PAYLOAD_INVALID'],
  ])('ends %s with a code, for good', async (_, name, data, code) => {
    dispatcher.handle(JOB, async () => undefined);
    const failure: unknown = await dispatcher.dispatch(name, data, run(false)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, isFinal: true });
    expect(logs.text()).not.toContain(canary);
  });

  it('throws nothing but a code, and logs the error behind it once', async () => {
    dispatcher.handle(JOB, () => Promise.reject(new Error(canary)));
    const thisRun = run();
    const failure = await dispatcher.dispatch('test.job', { id: newId() }, thisRun).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(JobFailure);
    const { message, stack, cause } = failure as JobFailure;
    expect([message, stack, cause]).toEqual(['JOB_FAILED', 'JOB_FAILED', undefined]);
    expect(logs.lines()).toEqual([
      expect.objectContaining({
        level: 'error',
        event: 'queue.job_failed',
        job: 'test.job',
        requestId: thisRun.requestId,
        attempt: 2,
        code: 'JOB_FAILED',
        error: expect.objectContaining({ name: 'Error' }),
      }),
    ]);
    expect(logs.text()).not.toContain(canary);
  });

  it('only warns of a failure that is followed by another attempt', async () => {
    dispatcher.handle(JOB, () => Promise.reject(new Error('x')));
    await expect(dispatcher.dispatch('test.job', { id: newId() }, run(false))).rejects.toThrow('JOB_FAILED');
    expect(logs.lines()).toEqual([expect.objectContaining({ level: 'warn', event: 'queue.job_will_retry' })]);
  });
});

describe('toJobFailure', () => {
  const appError = (kind: ErrorKind, more: object = {}): AppError =>
    new AppError({ code: 'SOME_CODE', kind, message: canary, ...more });

  it.each([
    ['unavailable', false],
    ['rate_limited', false],
    ['timeout', false],
    ['internal', false],
    ['not_found', true],
    ['forbidden', true],
    ['unauthenticated', true],
    ['conflict', true],
    ['invalid', true],
  ] as const)('judges %s: final is %s', (kind, isFinal) => {
    expect(toJobFailure(appError(kind))).toMatchObject({ code: 'SOME_CODE', message: 'SOME_CODE', isFinal });
  });

  it('follows an error that says itself whether it may pass', () => {
    expect(toJobFailure(appError('conflict', { retryable: true })).isFinal).toBe(false);
    expect(toJobFailure(appError('unavailable', { retryable: false })).isFinal).toBe(true);
  });

  it('is what BullMQ does not retry when it is final', () => {
    expect(toJobFailure(appError('not_found')).name).toBe('UnrecoverableError');
    expect(toJobFailure(appError('timeout')).name).toBe('JobFailure');
  });

  it('lets no code through that is no code', () => {
    expect(toJobFailure(new AppError({ code: canary, kind: 'internal', message: 'x' })).message).toBe('JOB_FAILED');
  });

  it.each([canary, undefined, { message: canary }, Object.assign(new Error(canary), { code: 'EPIPE' })])(
    'tells nothing of what is no AppError',
    (thrown) => {
      expect(toJobFailure(thrown)).toMatchObject({ message: 'JOB_FAILED', isFinal: false });
    },
  );
});
