import { describe, expect, it } from '@jest/globals';
import { checkedPolicies, checkPassword, isPrincipalName } from './principal-input.policy.js';

describe('what is said of a principal', () => {
  it.each(['ada', 'ada@example.org', '1', 'a.b-c_d', 'x'.repeat(128)])('may be the name %s', (name) => {
    expect(isPrincipalName(name)).toBe(true);
  });

  it.each(['', 'self', 'me', 'Ada', 'a b', 'a/b', '../a', '-a', '.a', 'a\n', 'é', 'x'.repeat(129)])(
    'may not be the name %j',
    (name) => {
      expect(isPrincipalName(name)).toBe(false);
    },
  );

  it('are policies in order, each once, and never root', () => {
    expect(checkedPolicies(['b', 'a', 'b'])).toEqual(['a', 'b']);
    const many = Array.from({ length: 65 }, (_, i) => `p${i}`);
    for (const policies of [['root'], ['a', 'root'], ['A b'], many])
      expect(() => checkedPolicies(policies)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
  });

  it('is a password of twelve characters and a kilobyte', () => {
    for (const password of ['x'.repeat(12), '😀'.repeat(12), 'x'.repeat(1_024)]) checkPassword(password);
    for (const password of ['', 'x'.repeat(11), '😀'.repeat(11), 'x'.repeat(1_025)])
      expect(() => checkPassword(password)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
  });
});
