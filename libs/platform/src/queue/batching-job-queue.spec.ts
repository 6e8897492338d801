import { newId } from '@claviger/kernel';
import { captureLogs, type LogCapture } from '@claviger/testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { z } from 'zod';
import { BatchingJobQueue, type JobSink } from './batching-job-queue.js';
import { defineJob, NO_RETRY } from './job-definition.js';
import { JobRegistry } from './job-registry.js';
import type { QueuedJob } from './queued-job.js';

const JOB = defineJob({ name: 'test.job', payload: z.object({ id: z.uuid() }), retry: NO_RETRY, lane: 'user' });
const canary = 'canary-4e7b';

/** Notes what it is sent, and holds or fails it as the test says. */
class NotingSink implements JobSink {
  readonly batches: (readonly QueuedJob[])[] = [];
  answer: () => Promise<void> = () => Promise.resolve();

  send(jobs: readonly QueuedJob[]): Promise<void> {
    this.batches.push(jobs);
    return this.answer();
  }

  get sizes(): number[] {
    return this.batches.map((batch) => batch.length);
  }
}

let sink: NotingSink;
let logs: LogCapture;
let jobs: BatchingJobQueue;

beforeEach(() => {
  jest.useFakeTimers();
  sink = new NotingSink();
  logs = captureLogs();
  const registry = new JobRegistry();
  registry.add(JOB);
  jobs = new BatchingJobQueue(registry, sink, logs.logger);
});
afterEach(() => {
  jest.useRealTimers();
});

const ask = (count: number): void => {
  for (let i = 0; i < count; i += 1) jobs.enqueue(JOB, { id: newId() });
};

describe('BatchingJobQueue', () => {
  it('sends what is asked for in one turn of the event loop at once and together', async () => {
    ask(3);
    expect(sink.sizes).toEqual([]);
    await jest.advanceTimersByTimeAsync(0);
    expect(sink.sizes).toEqual([3]);
  });

  it('gathers for 20 ms after it has sent', async () => {
    ask(1);
    await jest.advanceTimersByTimeAsync(1);
    ask(1);
    await jest.advanceTimersByTimeAsync(10);
    ask(1);
    expect(sink.sizes).toEqual([1]);
    await jest.advanceTimersByTimeAsync(10);
    expect(sink.sizes).toEqual([1, 2]);
  });

  it('does not send while it is sending', async () => {
    let answer = (): void => undefined;
    sink.answer = () => new Promise((resolve) => (answer = resolve));
    ask(1);
    await jest.advanceTimersByTimeAsync(0);
    ask(2);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(sink.sizes).toEqual([1]);
    answer();
    await jest.advanceTimersByTimeAsync(20);
    expect(sink.sizes).toEqual([1, 2]);
  });

  it('sends at most 500 at a time', async () => {
    ask(1_100);
    await jest.advanceTimersByTimeAsync(100);
    expect(sink.sizes).toEqual([500, 500, 100]);
  });

  it('sends the same job once a batch, as the more urgent wish has it', async () => {
    const id = newId();
    jobs.enqueue(JOB, { id }, { delayMs: 10 });
    jobs.enqueue(JOB, { id });
    jobs.enqueue(JOB, { id }, { delayMs: 20 });
    jobs.enqueueIfIdle(JOB, { id });
    await jest.advanceTimersByTimeAsync(0);
    expect(sink.batches).toEqual([[expect.objectContaining({ delayMs: 0, onlyIfIdle: false })]]);
  });

  it('logs and drops what cannot be sent, and goes on', async () => {
    sink.answer = () => Promise.reject(Object.assign(new Error(canary), { code: 'ECONNREFUSED' }));
    ask(2);
    await jest.advanceTimersByTimeAsync(0);
    expect(logs.lines()).toEqual([
      expect.objectContaining({
        event: 'queue.enqueue_failed',
        count: 2,
        error: expect.objectContaining({ code: 'ECONNREFUSED' }),
      }),
    ]);
    sink.answer = () => Promise.resolve();
    ask(1);
    await jest.advanceTimersByTimeAsync(20);
    expect(sink.sizes).toEqual([2, 1]);
    expect(logs.text()).not.toContain(canary);
  });

  it('refuses a payload that does not fit, without a throw and without telling it', async () => {
    jobs.enqueue(JOB, { id: canary });
    jobs.enqueue(JOB, { id: newId(), more: canary } as { id: string });
    await jest.advanceTimersByTimeAsync(0);
    expect(sink.sizes).toEqual([]);
    expect(logs.lines('queue.job_refused')).toHaveLength(2);
    expect(logs.text()).not.toContain(canary);
  });

  it('refuses a job that no feature registered', async () => {
    const other = defineJob({ name: 'test.other', payload: z.object({}), retry: NO_RETRY, lane: 'user' });
    jobs.enqueue(other, {});
    await jest.advanceTimersByTimeAsync(0);
    expect(sink.sizes).toEqual([]);
    expect(logs.lines('queue.job_refused')[0]).toMatchObject({ job: 'test.other', code: 'JOB_NOT_REGISTERED' });
  });

  it('keeps no more than 10,000 while nothing can be sent, and tells how many it dropped', async () => {
    let answer = (): void => undefined;
    sink.answer = () => new Promise((resolve) => (answer = resolve));
    ask(1);
    await jest.advanceTimersByTimeAsync(0);
    ask(10_007);
    answer();
    sink.answer = () => Promise.resolve();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(sink.sizes.reduce((sum, size) => sum + size)).toBe(10_001);
    expect(logs.lines('queue.jobs_dropped')).toEqual([expect.objectContaining({ count: 7 })]);
  });

  it('sends everything that waits before it closes', async () => {
    ask(1_100);
    await jobs.close();
    expect(sink.sizes).toEqual([500, 500, 100]);
  });

  it('closes after two seconds though nothing can be sent, and tells what it dropped', async () => {
    sink.answer = () => new Promise(() => undefined);
    ask(1);
    await jest.advanceTimersByTimeAsync(0);
    ask(3);
    const closing = jobs.close();
    await jest.advanceTimersByTimeAsync(2_000);
    await closing;
    expect(logs.lines('queue.jobs_dropped')[0]).toMatchObject({ count: 3 });
    ask(1);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(sink.sizes).toEqual([1]);
    expect(jest.getTimerCount()).toBe(0);
  });
});
