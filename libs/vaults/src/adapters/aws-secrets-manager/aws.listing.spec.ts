import { describe, expect, it } from '@jest/globals';
import { listNames, type StoredNames } from './aws.listing.js';

/** Pages of three names at most in no order, whatever the prefix is, however loosely AWS reads it. */
const stored =
  (...names: readonly string[]): StoredNames =>
  async ({ limit, after = '0' }) => {
    const end = Number(after) + Math.min(3, limit);
    return { names: names.slice(Number(after), end), next: end < names.length ? String(end) : undefined };
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

  describe('for who minds no order', () => {
    const any = { prefix: '', recursive: true, limit: 9, order: 'any' } as const;

    it('gives a page as AWS has it, sorted in itself, and goes on where AWS does', async () => {
      const names = stored('p/c', 'p/a', 'p/b', 'p/aa', 'p/0');
      const first = await listNames(names, 'p/', any);
      expect(first).toEqual({ names: ['a', 'b', 'c'], cursor: '3' });
      expect(await listNames(names, 'p/', { ...any, cursor: '3' })).toEqual({ names: ['0', 'aa'], cursor: undefined });
    });

    it('gives no more than asked for', async () => {
      expect(await listNames(stored('p/c', 'p/a'), 'p/', { ...any, limit: 1 })).toEqual({ names: ['c'], cursor: '1' });
    });

    it('passes over pages of which it shows nothing', async () => {
      const names = stored('x', 'p//y', 'p/a=b', 'p', 'q/a', 'P/a', 'p/found', 'z', 'y', 'x', 'w');
      const page = await listNames(names, 'p/', any);
      expect(page).toEqual({ names: ['found'], cursor: '9' });
      expect(await listNames(names, 'p/', { ...any, cursor: page.cursor! })).toEqual({ names: [], cursor: undefined });
    });
  });
});
