import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { findUndecidable, missingVotes } from './quorum.policy.js';

const step = (voters: string, votes: number): { voters: Set<string>; votes: number } => ({
  voters: new Set(voters),
  votes,
});

/** Whether different people can fill all votes, tried out one by one. */
function canBeFilled(slots: readonly ReadonlySet<string>[], taken: ReadonlySet<string>): boolean {
  const [first, ...rest] = slots;
  if (!first) return true;
  return [...first].some((voter) => !taken.has(voter) && canBeFilled(rest, new Set([...taken, voter])));
}

describe('findUndecidable', () => {
  it.each([
    ['one voter more than votes', [step('ab', 1)], undefined],
    ['as many voters as votes, so that none of them could ask', [step('ab', 2)], [0]],
    ['nobody', [step('', 1)], [0]],
    ['two steps that need the same two people', [step('abc', 1), step('abc', 2)], [0, 1]],
    ['two steps with enough people between them', [step('abc', 1), step('abcd', 2)], undefined],
    ['a second step that is too small', [step('abcd', 1), step('e', 1)], [1]],
  ])('judges %s', (_, steps, expected) => {
    expect(findUndecidable(steps)?.steps).toEqual(expected);
  });

  it('finds something exactly when somebody could ask for what nobody can decide', () => {
    const anyStep = fc
      .tuple(fc.subarray(['a', 'b', 'c', 'd', 'e']), fc.integer({ min: 1, max: 2 }))
      .map(([voters, votes]) => ({ voters: new Set(voters), votes }));
    fc.assert(
      fc.property(fc.array(anyStep, { minLength: 1, maxLength: 3 }), (steps) => {
        const slots = steps.flatMap(({ voters, votes }) => Array.from({ length: votes }, () => voters));
        const canAllAsk = ['a', 'b', 'c', 'd', 'e'].every((one) => canBeFilled(slots, new Set([one])));
        expect(findUndecidable(steps) === undefined).toBe(canAllAsk);
      }),
    );
  });
});

describe('missingVotes', () => {
  it('counts approvals of the step alone', () => {
    const votes = [
      { step: 0, decision: 'approve' },
      { step: 1, decision: 'approve' },
      { step: 1, decision: 'reject' },
    ] as const;
    expect(missingVotes({ votes: 2 }, 1, votes)).toBe(1);
    expect(missingVotes({ votes: 1 }, 0, votes)).toBe(0);
  });
});
