import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseContent } from '@claviger/vaults/contract';
import { entropyClass } from './entropy-class.js';
import { reviewValues } from './review-values.js';

const content = (value: object): ReturnType<typeof parseContent> => parseContent(JSON.stringify(value));

describe('reviewValues', () => {
  it('tells which fields differ, and of new values a class of length and entropy', () => {
    const before = content({ username: 'shop', password: 'old', gone: 'x', deep: { same: 1 } });
    const after = content({ username: 'shop', password: 'a-much-longer-Passw0rd-17', added: '', deep: { same: 1.0 } });
    expect(reviewValues(before, after)).toEqual([
      { field: '/added', change: 'added', length: null, entropy: 'low' },
      { field: '/deep/same', change: 'same', length: '1-7', entropy: 'low' },
      { field: '/gone', change: 'removed', length: null, entropy: null },
      { field: '/password', change: 'changed', length: '24-31', entropy: 'high' },
      { field: '/username', change: 'same', length: '1-7', entropy: 'low' },
    ]);
  });

  it('never tells a value', () => {
    const value = fc.stringMatching(/^canary[a-z0-9]{4,30}$/);
    fc.assert(
      fc.property(value, value, (one, two) => {
        const told = JSON.stringify(reviewValues(content({ field: one }), content({ field: two, other: [two] })));
        expect(told).not.toContain('canary');
      }),
    );
  });

  it('tells no more fields than somebody reads', () => {
    const many = content(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`field-${i}`, 'x'])));
    expect(reviewValues(content({}), many)).toHaveLength(200);
  });
});

describe('entropyClass', () => {
  it.each([
    ['', 'low'],
    ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'low'],
    ['password', 'low'],
    ['correct horse', 'low'],
    ['correct horse battery', 'fair'],
    ['k9Jx27QmZw4pTfVbR8sYd3HnLc6GaEuX', 'high'],
  ])('judges %j', (value, expected) => expect(entropyClass(value)).toBe(expected));
});
