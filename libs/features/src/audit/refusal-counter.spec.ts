import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@claviger/testing';
import { RefusalCounter, type Refusals } from './refusal-counter.js';

function harness() {
  const clock = new FakeClock();
  const stored: Refusals[] = [];
  const state = { isDown: false };
  const counter = new RefusalCounter(async (refusals) => {
    if (state.isDown) throw new Error('down');
    stored.push({ ...refusals });
  }, clock);
  return { clock, stored, state, counter };
}

describe('RefusalCounter', () => {
  it('stores one entry for each source and minute, with the number and both ends of the time', async () => {
    const { clock, stored, counter } = harness();
    counter.start();
    const firstAt = clock.now();
    for (let i = 0; i < 1_000; i += 1) counter.count('store', '192.0.2.1');
    await clock.advance(1_000);
    counter.count('store', '192.0.2.1');
    counter.count('store', '192.0.2.2');
    expect(stored).toEqual([]);
    await clock.advance(60_000);
    const lastAt = new Date(firstAt.getTime() + 1_000);
    expect(stored).toEqual([
      { storeId: 'store', source: '192.0.2.1', count: 1_001, firstAt, lastAt },
      { storeId: 'store', source: '192.0.2.2', count: 1, firstAt: lastAt, lastAt },
    ]);
    await clock.advance(60_000);
    expect(stored).toHaveLength(2);
    await counter.stop();
  });

  it('keeps stores apart', async () => {
    const { stored, counter } = harness();
    counter.count('one', '192.0.2.1');
    counter.count('two', '192.0.2.1');
    await counter.flush();
    expect(stored.map(({ storeId, count }) => [storeId, count])).toEqual([
      ['one', 1],
      ['two', 1],
    ]);
  });

  it('counts the sources together that are too many, so that memory stays bounded', async () => {
    const { stored, counter } = harness();
    for (let i = 0; i < 10_500; i += 1) counter.count('store', `source-${i}`);
    counter.count('store', 'source-0');
    await counter.flush();
    expect(stored).toHaveLength(10_001);
    expect(stored.find(({ source }) => source === 'other')!.count).toBe(500);
    expect(stored.find(({ source }) => source === 'source-0')!.count).toBe(2);
  });

  it('goes on counting what could not be stored', async () => {
    const { stored, state, counter } = harness();
    counter.count('store', '192.0.2.1');
    state.isDown = true;
    await counter.flush();
    counter.count('store', '192.0.2.1');
    state.isDown = false;
    await counter.flush();
    expect(stored.map(({ count }) => count)).toEqual([2]);
  });

  it('stores what it has when it stops', async () => {
    const { stored, counter } = harness();
    counter.start();
    counter.count('store', '192.0.2.1');
    await counter.stop();
    expect(stored).toHaveLength(1);
  });
});
