import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PrefixTable } from './prefix-table.js';

const table = (prefixes: readonly string[]): PrefixTable<string> =>
  new PrefixTable(new Map(prefixes.map((p) => [p, p])));

describe('PrefixTable', () => {
  it('finds nothing in nothing', () => {
    expect(table([]).longest('a')).toBeUndefined();
  });

  it('finds the empty prefix last', () => {
    expect(table(['', 'b']).longest('a')).toBe('');
  });

  it('goes back past entries that are near but no prefixes', () => {
    expect(table(['a', 'ab', 'abc', 'abca', 'abcb']).longest('abd')).toBe('ab');
  });

  it('finds what trying every prefix finds', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\u{1F511}', '\uffff'), maxLength: 8 });
    fc.assert(
      fc.property(fc.uniqueArray(text, { maxLength: 30 }), text, (prefixes, wanted) => {
        const byLength = [...prefixes].sort((a, b) => b.length - a.length);
        expect(table(prefixes).longest(wanted)).toBe(byLength.find((prefix) => wanted.startsWith(prefix)));
      }),
      { numRuns: 2000 },
    );
  });
});
