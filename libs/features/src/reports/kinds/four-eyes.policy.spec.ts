import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasRequesterVoted, judgeFourEyes, type ApprovalEvidence } from './four-eyes.policy.js';

const vote = (voterId: string, step = 0, decision: 'approve' | 'reject' = 'approve', representedId = voterId) => ({
  voterId,
  representedId,
  step,
  decision,
});

const approved: ApprovalEvidence = {
  requestedBy: 'user:alice',
  steps: [{ votes: 2 }, { votes: 1 }],
  votes: [vote('bob'), vote('carol'), vote('dan', 1)],
  isBreakGlass: false,
  isReviewed: false,
  outcome: 'approved',
};

describe('judgeFourEyes', () => {
  it.each([
    ['kept when every step has its votes', approved, 'kept'],
    ['broken when a step lacks one', { ...approved, votes: approved.votes.slice(1) }, 'broken'],
    ['broken when the votes are of another step', { ...approved, votes: [vote('bob'), vote('carol')] }, 'broken'],
    ['broken when somebody rejected', { ...approved, votes: [...approved.votes, vote('eve', 1, 'reject')] }, 'broken'],
    ['broken when the requester voted', { ...approved, votes: [vote('alice'), vote('bob'), vote('dan', 1)] }, 'broken'],
    [
      'broken when somebody voted for the requester',
      { ...approved, votes: [vote('bob'), vote('carol', 0, 'approve', 'alice'), vote('dan', 1)] },
      'broken',
    ],
    [
      'broken when one voter counts twice',
      { ...approved, votes: [vote('bob'), vote('bob'), vote('dan', 1)] },
      'broken',
    ],
    ['bypassed when the glass was broken', { ...approved, votes: [], isBreakGlass: true }, 'bypassed'],
    ['none while it waits', { ...approved, outcome: 'waiting' }, 'none'],
    ['none when it was rejected', { ...approved, outcome: 'rejected' }, 'none'],
  ] as const)('is %s', (_, evidence, verdict) => {
    expect(judgeFourEyes(evidence)).toBe(verdict);
  });

  it('is never kept where the requester has a hand in a vote', () => {
    const person = fc.constantFrom('alice', 'bob', 'carol', 'dan');
    const ballot = fc.record({
      voterId: person,
      representedId: person,
      step: fc.nat(1),
      decision: fc.constantFrom('approve' as const, 'reject' as const),
    });
    fc.assert(
      fc.property(fc.array(ballot, { maxLength: 6 }), fc.boolean(), (votes, isBreakGlass) => {
        const evidence: ApprovalEvidence = { ...approved, votes, isBreakGlass };
        const hasHand = votes.some(({ voterId, representedId }) => [voterId, representedId].includes('alice'));
        expect(hasRequesterVoted(evidence)).toBe(hasHand);
        if (hasHand) expect(judgeFourEyes(evidence)).toBe('broken');
      }),
    );
  });
});
