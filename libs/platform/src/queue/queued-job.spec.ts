import { newId } from '@claviger/kernel';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineJob } from './job-definition.js';
import type { EnqueueOptions } from './job-queue.js';
import { outranks, payloadKey, toQueuedJob, type QueuedJob } from './queued-job.js';

const JOB = defineJob({
  name: 'test.job',
  payload: z.object({ id: z.uuid() }),
  retry: { attempts: 4, backoffMs: 250 },
  lane: 'user',
});
const payload = { id: newId() };
const queued = (options: EnqueueOptions = {}, onlyIfIdle = false): QueuedJob =>
  toQueuedJob({ definition: JOB, payload, options, onlyIfIdle });

describe('toQueuedJob', () => {
  it("puts a user's change before a retry, and sweeps into a queue of their own", () => {
    const [user, retry, sweep] = (['user', 'retry', 'sweep'] as const).map((lane) => queued({ lane }));
    expect(user!.queue).toBe(retry!.queue);
    expect(user!.opts.priority).toBeLessThan(retry!.opts.priority!);
    expect(sweep!.queue).not.toBe(user!.queue);
  });

  it("takes the definition's lane, and its whole payload as the key, when nothing else is said", () => {
    expect(queued()).toMatchObject({ queue: 'changes', dedupId: `test.job|user|${payload.id}`, data: payload });
    expect(queued({ dedupKey: 'k' }).dedupId).toBe('test.job|user|k');
  });

  it('takes its cause along, which makes it no other job', () => {
    const trace = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', isSampled: true };
    const { data, dedupId } = queued({ trace });
    expect(data).toEqual({ ...payload, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
    expect(dedupId).toBe(queued().dedupId);
  });

  it('keeps the lanes of one job apart', () => {
    expect(queued({ lane: 'retry' }).dedupId).not.toBe(queued({ lane: 'user' }).dedupId);
  });

  it('never swallows a wake-up in a run, unless it comes from a schedule', () => {
    expect(queued().opts.deduplication).toMatchObject({ keepLastIfActive: true, replace: true });
    expect(queued({}, true).opts.deduplication).toEqual({ id: queued().dedupId });
  });

  it('lets only a job for now take the place of one for later', () => {
    expect(queued({ delayMs: 5 }).opts).toMatchObject({ delay: 5, deduplication: { replace: false } });
  });

  it('retries as the definition says, and keeps no stack', () => {
    expect(queued().opts).toMatchObject({
      attempts: 4,
      backoff: { type: 'exponential', delay: 250, jitter: 0.5 },
      stackTraceLimit: 0,
      removeOnComplete: true,
      removeOnFail: { count: expect.any(Number), age: expect.any(Number) },
    });
  });
});

describe('payloadKey', () => {
  it('does not depend on the order of fields or on fields left out', () => {
    expect(payloadKey({ b: 2, a: 'x' })).toBe(payloadKey({ a: 'x', c: undefined, b: 2 }));
  });
});

describe('outranks', () => {
  it.each([
    ['sooner', {}, { delayMs: 5 }, true],
    ['later', { delayMs: 5 }, {}, false],
    ['at the same time', {}, {}, false],
  ] as const)('judges a job that is to run %s', (_, one, other, expected) => {
    expect(outranks(queued(one), queued(other))).toBe(expected);
  });

  it('lets a wake-up take the place of a tick, and not the other way round', () => {
    expect(outranks(queued({ delayMs: 5 }), queued({}, true))).toBe(true);
    expect(outranks(queued({}, true), queued({ delayMs: 5 }))).toBe(false);
  });
});
