import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { FakeClock } from './fake-clock.js';

describe('FakeClock', () => {
  it('stands still until it is moved', async () => {
    const clock = new FakeClock(new Date(1000));
    let isAwake = false;
    void clock.sleep(10).then(() => (isAwake = true));
    await clock.advance(9);
    expect([isAwake, clock.now().getTime(), clock.sleeping]).toEqual([false, 1009, 1]);
    await clock.advance(1);
    expect([isAwake, clock.now().getTime(), clock.sleeping]).toEqual([true, 1010, 0]);
  });

  it('wakes sleepers in order, each at its time, and those that they start on the way', async () => {
    const clock = new FakeClock(new Date(0));
    const woken: (readonly [string, number])[] = [];
    const sleep = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms);
      woken.push([name, clock.now().getTime()]);
    };
    void sleep('late', 30);
    void sleep('early', 10).then(() => sleep('between', 10));
    await clock.advance(100);
    expect(woken).toEqual([
      ['early', 10],
      ['between', 20],
      ['late', 30],
    ]);
    expect(clock.now().getTime()).toBe(100);
  });

  it('ends a sleep with the reason of its signal, before or during, and lets go of the signal', async () => {
    const clock = new FakeClock();
    const reason = new Error('given up');
    await expect(clock.sleep(10, AbortSignal.abort(reason))).rejects.toBe(reason);
    const caller = new AbortController();
    const sleeping = clock.sleep(10, caller.signal);
    caller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    expect(clock.sleeping).toBe(0);
    const other = new AbortController();
    await clock.run(clock.sleep(10, other.signal));
    expect(getEventListeners(other.signal, 'abort')).toHaveLength(0);
  });

  it('runs a promise to its end by moving from sleeper to sleeper', async () => {
    const clock = new FakeClock(new Date(0));
    const work = async (): Promise<string> => {
      for (let n = 0; n < 5; n++) await clock.sleep(1000);
      return 'done';
    };
    await expect(clock.run(work())).resolves.toBe('done');
    expect(clock.now().getTime()).toBe(5000);
  });

  it('says so when a promise waits for something that never comes', async () => {
    await expect(new FakeClock().run(new Promise(() => undefined))).rejects.toThrow('never comes');
  });
});
