import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EVENT_PATTERNS, matchesType } from './event-filter.policy.js';
import { EVENT_TYPES } from './event-types.js';

const type = fc.constantFrom(...EVENT_TYPES);
const filter = fc.subarray([...EVENT_PATTERNS]);

describe('a filter of events', () => {
  it('matches its types, the nouns of them, and everything', () => {
    expect(matchesType(['approval.voted'], 'approval.voted')).toBe(true);
    expect(matchesType(['approval.*'], 'approval.voted')).toBe(true);
    expect(matchesType(['*'], 'approval.voted')).toBe(true);
    expect(matchesType(['approval.decided', 'secret.*'], 'approval.voted')).toBe(false);
    expect(matchesType([], 'approval.voted')).toBe(false);
  });

  it('takes no beginning of a word for the word', () => {
    expect(matchesType(['secret.drift'], 'secret.drifted')).toBe(false);
    expect(matchesType(['sec.*'], 'secret.drifted')).toBe(false);
    expect(matchesType(['approval.break-glass'], 'approval.break-glass-reviewed')).toBe(false);
  });

  it('matches when one of its words does, and never else', () => {
    fc.assert(
      fc.property(filter, type, (words, one) => {
        expect(matchesType(words, one)).toBe(words.some((word) => matchesType([word], one)));
      }),
    );
  });

  it('has a word for each type alone', () => {
    fc.assert(fc.property(type, type, (word, one) => expect(matchesType([word], one)).toBe(word === one)));
  });
});
