import { describe, expect, it } from '@jest/globals';
import { listNames } from './aws.listing.js';

/** Pages of three names in no order, and never more than what begins with the prefix, however loosely AWS reads it. */
const stored = (...names: readonly string[]) =>
  async function* (): AsyncIterable<readonly string[]> {
    for (let start = 0; start < names.length; start += 3) yield names.slice(start, start + 3);
  };

describe('listNames', () => {
  it('filters again what the filter of AWS lets through', async () => {
    const names = stored('prod/a', 'prod-eu/b', 'x/prod/c', 'Prod/d', 'prod', 'prod/e/f');
    const page = await listNames(names, 'prod/', { prefix: '', recursive: false, limit: 9 });
    expect(page).toEqual({ names: ['a', 'e/'], cursor: undefined });
  });

  it('keeps no more than a few pages of names, and finds the first of all', async () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `n${(index * 617) % 1_000}`);
    const page = await listNames(stored(...names), '', { prefix: '', recursive: true, limit: 3 });
    expect(page).toEqual({ names: ['n0', 'n1', 'n10'], cursor: 'n10' });
    const next = await listNames(stored(...names), '', { prefix: '', recursive: true, limit: 2, cursor: 'n10' });
    expect(next.names).toEqual(['n100', 'n101']);
  });
});
