import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@claviger/testing';
import fc from 'fast-check';
import { TokenBucket } from './token-bucket.js';

const patient = new AbortController().signal;

function world(limit: { perSecond: number; burst: number }, maxWaitMs = 60_000) {
  const clock = new FakeClock();
  const startedAt = clock.now().getTime();
  const processes = { live: 1 };
  const bucket = new TokenBucket(limit, { clock, liveProcesses: () => processes.live, maxWaitMs });
  const grantedAt: number[] = [];
  const take = (signal = patient): Promise<number | undefined> =>
    bucket.take(signal).then((waitMs) => {
      if (waitMs === undefined) grantedAt.push(clock.now().getTime() - startedAt);
      return waitMs;
    });
  return { clock, bucket, take, grantedAt, processes };
}

describe('TokenBucket', () => {
  it('lets a burst through at once and then one after another', async () => {
    const { clock, take, grantedAt } = world({ perSecond: 10, burst: 3 });
    await clock.run(Promise.all(Array.from({ length: 6 }, () => take())));
    expect(grantedAt).toEqual([0, 0, 0, 100, 200, 300]);
  });

  it('saves up no more than the burst', async () => {
    const { clock, take, grantedAt } = world({ perSecond: 10, burst: 2 });
    await clock.advance(3_600_000);
    await clock.run(Promise.all([take(), take(), take()]));
    expect(grantedAt.map((at) => at - 3_600_000)).toEqual([0, 0, 100]);
  });

  it('takes its share of the limit among the processes that live now', async () => {
    const { clock, take, grantedAt, processes } = world({ perSecond: 10, burst: 4 });
    processes.live = 2;
    await clock.run(Promise.all(Array.from({ length: 4 }, () => take())));
    expect(grantedAt).toEqual([0, 0, 200, 400]);
    processes.live = 1;
    await clock.run(Promise.all([take(), take()]));
    expect(grantedAt.slice(4)).toEqual([500, 600]);
  });

  it('lets one call through at a time however many processes live', async () => {
    const { clock, take, grantedAt, processes } = world({ perSecond: 10, burst: 4 });
    processes.live = 40;
    await clock.run(Promise.all([take(), take()]));
    expect(grantedAt).toEqual([0, 4000]);
  });

  it('refuses who would wait too long, and says how long', async () => {
    const { clock, take, grantedAt } = world({ perSecond: 10, burst: 1 }, 250);
    const all = Promise.all([take(), take(), take(), take(), take()]);
    await expect(clock.run(all)).resolves.toEqual([undefined, undefined, undefined, 300, 300]);
    expect(grantedAt).toEqual([0, 100, 200]);
  });

  it('lets nobody wait for those who gave up', async () => {
    const { clock, take, grantedAt } = world({ perSecond: 10, burst: 1 });
    const caller = new AbortController();
    const reason = new Error('given up');
    const first = take();
    const given = [take(caller.signal), take(caller.signal)].map((one) => one.catch((error: unknown) => error));
    const last = take();
    await clock.advance(50);
    caller.abort(reason);
    expect(await Promise.all(given)).toEqual([reason, reason]);
    await clock.run(Promise.all([first, last]));
    expect(grantedAt).toEqual([0, 100]);
  });

  it('leaves neither a timer nor a listener when everyone gave up, and serves who comes next', async () => {
    const { clock, take, grantedAt, bucket } = world({ perSecond: 10, burst: 1 });
    const caller = new AbortController();
    await take();
    const waiting = take(caller.signal).catch(() => undefined);
    caller.abort();
    const next = take();
    await waiting;
    await clock.run(next);
    expect(grantedAt).toEqual([0, 100]);
    const again = new AbortController();
    const gone = take(again.signal).catch(() => undefined);
    again.abort();
    await gone;
    await clock.settle();
    expect(clock.sleeping).toBe(0);
    await clock.run(take());
    expect(getEventListeners(again.signal, 'abort')).toHaveLength(0);
    expect(getEventListeners(patient, 'abort')).toHaveLength(0);
    expect(bucket.isIdle).toBe(false);
    await clock.advance(1000);
    expect(bucket.isIdle).toBe(true);
  });

  it('refuses who has given up before', async () => {
    const { take, grantedAt } = world({ perSecond: 10, burst: 1 });
    await expect(take(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    expect(grantedAt).toEqual([]);
  });

  it('lets nobody through while paused, and no burst afterwards', async () => {
    const { clock, bucket, take, grantedAt } = world({ perSecond: 10, burst: 5 });
    bucket.pause(1000);
    bucket.pause(400);
    await clock.run(Promise.all([take(), take(), take()]));
    expect(grantedAt).toEqual([1000, 1100, 1200]);
  });

  it('holds the pause for those who wait already', async () => {
    const { clock, bucket, take, grantedAt } = world({ perSecond: 10, burst: 1 });
    const all = Promise.all([take(), take()]);
    await clock.advance(50);
    bucket.pause(2000);
    await clock.run(all);
    expect(grantedAt[1]).toBeGreaterThanOrEqual(2050);
  });

  it('never lets more through than burst and rate allow, in order of arrival, for any arrivals', async () => {
    const arrivals = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 400 }), givesUp: fc.boolean() }), {
      minLength: 1,
      maxLength: 40,
    });
    const limits = fc.record({ perSecond: fc.integer({ min: 1, max: 100 }), burst: fc.integer({ min: 1, max: 20 }) });
    await fc.assert(
      fc.asyncProperty(limits, arrivals, async (limit, schedule) => {
        const { clock, take } = world(limit);
        const startedAt = clock.now().getTime();
        const granted: { at: number; index: number }[] = [];
        const calls: Promise<unknown>[] = [];
        for (const [index, { afterMs, givesUp }] of schedule.entries()) {
          await clock.advance(afterMs);
          const caller = new AbortController();
          const call = take(caller.signal).then(() => granted.push({ at: clock.now().getTime() - startedAt, index }));
          calls.push(call.catch(() => undefined));
          if (givesUp) caller.abort();
        }
        await clock.run(Promise.all(calls));
        expect(granted.map(({ index }) => index)).toEqual(granted.map(({ index }) => index).sort((a, b) => a - b));
        for (const [n, { at }] of granted.entries()) {
          for (const [earlier, { at: from }] of granted.slice(0, n).entries()) {
            const most = limit.burst + ((at - from) / 1000) * limit.perSecond;
            expect(n - earlier + 1).toBeLessThanOrEqual(most + 1e-6);
          }
        }
        const patientOnes = schedule.filter(({ givesUp }) => !givesUp).length;
        expect(granted.length).toBeGreaterThanOrEqual(patientOnes);
        expect(clock.sleeping).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
