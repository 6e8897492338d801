import { describe, expect, it } from '@jest/globals';
import { hopsThrough, hopValue, parseHops } from './hop.js';

describe('the hop header', () => {
  it('names this installation, after those that the request came through', () => {
    expect(hopValue('me')).toBe('me');
    expect(hopValue('me', ['a', 'b'])).toBe('a,b,me');
  });

  it('names an installation once', () => {
    expect(hopValue('me', ['me', 'a'])).toBe('a,me');
  });

  it.each([
    ['me', true],
    ['a,me', true],
    ['a , me ,b', true],
    [['a', 'me'], true],
    ['meme', false],
    ['', false],
    [undefined, false],
  ])('tells whether %j came through me: %s', (header, expected) => {
    expect(hopsThrough(header, 'me')).toBe(expected);
  });

  it('gives back what it was made of', () => {
    expect(parseHops(hopValue('me', ['a', 'b']))).toEqual(['a', 'b', 'me']);
  });
});
