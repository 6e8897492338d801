import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { isAccessor, isTokenText, newAccessor, newTokenText } from './token-text.js';

describe('newTokenText', () => {
  it('makes 256 bits in base 62 behind a prefix, each time others', () => {
    const texts = Array.from({ length: 500 }, () => newTokenText().reveal());
    for (const text of texts) expect(text).toMatch(/^cvg_[0-9A-Za-z]{43}$/);
    expect(new Set(texts).size).toBe(500);
  });

  it('uses every digit in every place but the first', () => {
    const texts = Array.from({ length: 4000 }, () => newTokenText().reveal().slice(4));
    for (let place = 1; place < 43; place++) expect(new Set(texts.map((text) => text[place])).size).toBe(62);
  });

  it('cannot be printed', () => {
    const token = newTokenText();
    expect(`${String(token)} ${JSON.stringify(token)} ${inspect(token)}`).not.toContain(token.reveal());
  });
});

describe('isTokenText', () => {
  it('knows its own', () => {
    expect(isTokenText(newTokenText().reveal())).toBe(true);
  });

  it.each([
    '',
    'cvg_',
    's.abc',
    `cvg_${'a'.repeat(42)}`,
    `cvg_${'a'.repeat(44)}`,
    `cvg_${'-'.repeat(43)}`,
    `CVG_${'a'.repeat(43)}`,
    `cvg_${'a'.repeat(43)}\n`,
  ])('refuses %j', (text) => {
    expect(isTokenText(text)).toBe(false);
  });
});

describe('newAccessor', () => {
  it('makes 24 digits of base 62 that are no token', () => {
    const accessor = newAccessor();
    expect(isAccessor(accessor)).toBe(true);
    expect(isTokenText(accessor)).toBe(false);
    expect(isAccessor(newTokenText().reveal())).toBe(false);
    expect(newAccessor()).not.toBe(accessor);
  });
});
