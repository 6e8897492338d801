import { describe, expect, it } from '@jest/globals';
import { isNameAllowed } from '@claviger/vaults/contract';
import fc from 'fast-check';
import { decodeName, encodeName, MAX_STORED_NAME, nameRuleBelow } from './aws.names.js';

const ALLOWED_BY_AWS = /^[A-Za-z0-9/_+=.@-]*$/;

describe('encodeName', () => {
  it.each([
    ['prod/db_1.main+a@b-c', 'prod/db_1.main+a@b-c'],
    ['my-secret', 'my-secret'],
    ['a b', 'a=20b'],
    ['a=b', 'a=3Db'],
    ['a=20b', 'a=3D20b'],
    ['clé', 'cl=C3=A9'],
    ['🔑', '=F0=9F=94=91'],
    ['arn:aws:x', 'arn=3Aaws=3Ax'],
  ])('stores %j as %j', (name, stored) => {
    expect(encodeName(name)).toBe(stored);
    expect(decodeName(stored)).toBe(name);
  });

  it('uses nothing but what AWS allows, and can be undone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (name) => {
        expect(encodeName(name)).toMatch(ALLOWED_BY_AWS);
        expect(decodeName(encodeName(name))).toBe(name);
      }),
    );
  });

  it('makes one of no two names', () => {
    const text = fc.string({ unit: fc.constantFrom('=', '2', '0', '3', 'D', ' ', 'a', 'é') });
    fc.assert(fc.property(text, text, (a, b) => expect(encodeName(a) === encodeName(b)).toBe(a === b)));
  });

  it('takes as many characters as the rule counts', () => {
    const rule = nameRuleBelow('');
    const path = fc.string({ unit: fc.constantFrom('a', '=', 'é', '🔑', '-'), minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(path, (name) => {
        const fits = encodeName(name).length <= MAX_STORED_NAME;
        expect(isNameAllowed(rule, name)).toBe(fits && Buffer.byteLength(name) <= rule.maxBytes);
      }),
    );
  });
});

describe('decodeName', () => {
  it.each(['a=b', 'a=2', 'a=3d', 'a=41', 'a=FF', 'a=', 'a b'])('knows that %j is no name of ours', (stored) => {
    expect(decodeName(stored)).toBeUndefined();
  });
});
