import { describe, expect, it } from '@jest/globals';
import { isNameAllowed, PATH_NAME_RULE, type NameRule } from './capabilities.js';

describe('isNameAllowed', () => {
  it.each(['a', 'a/b', 'ü'.repeat(256)])('takes %j where names are stored as they are', (name) => {
    expect(isNameAllowed(PATH_NAME_RULE, name)).toBe(true);
  });

  it.each(['', 'a//b', '..', 'ü'.repeat(257)])('refuses %j', (name) => {
    expect(isNameAllowed(PATH_NAME_RULE, name)).toBe(false);
  });

  const escaped: NameRule = { ...PATH_NAME_RULE, stored: { plain: 'a-z/', maxLength: 12 } };

  it.each([
    ['a'.repeat(12), true],
    ['a'.repeat(13), false],
    ['aaa A', true],
    ['aaaaaa A', true],
    ['aaaaaaa A', false],
    ['üü', true],
    ['üüa', false],
    ['🔑', true],
    ['🔑a', false],
  ])('counts what %j takes once it is escaped', (name, isAllowed) => {
    expect(isNameAllowed(escaped, name)).toBe(isAllowed);
  });
});
