import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { joinPhysicalName } from './physical-name.js';

describe('joinPhysicalName', () => {
  it.each(['a', 'a/b', 'with space', 'q?x=1', 'a#b', "it's", 'ü', '100%', 'sys/health', 'a=b', '...', '.a', 'a.'])(
    'accepts %j',
    (name) => {
      expect(joinPhysicalName('team', name)).toBe(`team/${name}`);
    },
  );

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    'a/./b',
    '%2e%2e/a',
    'a%2Fb',
    'a%5cb',
    'a%252e',
    'a\\b',
    'a\nb',
    'a\u0000',
    'a\u007f',
    '\ud800',
    'u\u0308',
    'x'.repeat(513),
  ])('refuses %j', (name) => {
    expect(() => joinPhysicalName('team', name)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
  });

  it('never leaves the prefix, whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (name) => {
        let joined: string;
        try {
          joined = joinPhysicalName('team/app', name);
        } catch {
          return;
        }
        const url = new URL(`http://vault/${joined.split('/').map(encodeURIComponent).join('/')}`);
        expect(url.pathname.startsWith('/team/app/')).toBe(true);
        expect(decodeURIComponent(url.pathname)).toBe(`/${joined}`);
      }),
    );
  });
});
