import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isAllowedName } from './kv.capabilities.js';
import { vaultFolder, vaultPath } from './kv.path.js';

describe('vaultPath', () => {
  it.each([
    ['a b', 'a%20b'],
    ['100%', '100%25'],
    ['a%2Fb', 'a%252Fb'],
    ['team#1', 'team%231'],
    ['what?version=1', 'what%3Fversion%3D1'],
    ["it's", 'it%27s'],
    ['a&#x2F;b', 'a%26%23x2F%3Bb'],
    ['all*(1)!', 'all%2A%281%29%21'],
    ['ü/鍵', '%C3%BC/%E9%8D%B5'],
    ['prod/sys/health', 'prod/sys/health'],
  ])('encodes %s as %s', (name, encoded) => {
    expect(vaultPath('kv', 'data', name)).toBe(`kv/data/${encoded}`);
  });

  it('leaves empty parts out', () => {
    expect(vaultPath('kv', '', 'a')).toBe('kv/a');
    expect(vaultFolder('kv', 'metadata', '')).toBe('kv/metadata/');
  });

  it('gives a path that a URL parser and a server decode to the name again, for every allowed name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), (name) => {
        fc.pre(isAllowedName(name));
        const url = new URL(`http://vault/v1/${vaultPath('kv', 'data', name)}`.replace(/&#x2F;/g, '/'));
        expect(decodeURIComponent(url.pathname)).toBe(`/v1/kv/data/${name}`);
        expect([url.search, url.hash]).toEqual(['', '']);
      }),
    );
  });
});

describe('isAllowedName', () => {
  it.each(['a', 'a b', ' lead', '100%', 'a/.../b', '.env', '..a', 'ünï-鍵-🔑', 'sys/health', '{{x}}', 'x'.repeat(512)])(
    'allows %j',
    (name) => {
      expect(isAllowedName(name)).toBe(true);
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
    'a/.',
    './a',
    'a\tb',
    'a\\b',
    'a\u00a0b',
    'a\u200db',
    '\ue000',
    '\ud800',
    'x'.repeat(513),
    'ü'.repeat(257),
  ])('refuses %j', (name) => {
    expect(isAllowedName(name)).toBe(false);
  });
});
