import { describe, expect, it } from '@jest/globals';
import { BatchedLookup } from './batched-lookup.js';

const lookup = (log: string[][], extra: { maxBatch?: number; fail?: boolean } = {}) =>
  new BatchedLookup<string, string>({
    maxBatch: extra.maxBatch ?? 100,
    maxInFlight: 2,
    fetch: async (keys) => {
      log.push([...keys]);
      await new Promise(setImmediate);
      if (extra.fail) throw new Error('down');
      return new Map(keys.filter((key) => key !== 'absent').map((key) => [key, key.toUpperCase()]));
    },
  });

describe('BatchedLookup', () => {
  it('fetches the keys of one turn together, each once', async () => {
    const log: string[][] = [];
    const batched = lookup(log);
    expect(await Promise.all(['a', 'b', 'a', 'absent'].map((key) => batched.find(key)))).toEqual([
      'A',
      'B',
      'A',
      undefined,
    ]);
    expect(log).toEqual([['a', 'b', 'absent']]);
  });

  it('never has more fetches under way than allowed, and loses nobody', async () => {
    const log: string[][] = [];
    const batched = lookup(log, { maxBatch: 3 });
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
    const answers = await Promise.all(keys.map((key) => batched.find(key)));
    expect(answers).toEqual(keys.map((key) => key.toUpperCase()));
    expect(log.every((batch) => batch.length <= 3)).toBe(true);
  });

  it('tells everyone in a batch that it failed, and goes on with the next', async () => {
    const batched = lookup([], { fail: true });
    await expect(batched.find('a')).rejects.toThrow('down');
    await expect(batched.find('b')).rejects.toThrow('down');
  });

  it('reads anew each time', async () => {
    const log: string[][] = [];
    const batched = lookup(log);
    await batched.find('a');
    await batched.find('a');
    expect(log).toEqual([['a'], ['a']]);
  });
});
