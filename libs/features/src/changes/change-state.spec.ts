import { describe, expect, it } from '@jest/globals';
import { canTransition, CHANGE_STATES, isEnded, type ChangeState } from './change-state.js';

const ALLOWED: readonly (readonly [ChangeState, ChangeState])[] = [
  ['submitted', 'pending_approval'],
  ['submitted', 'executing'],
  ['submitted', 'cancelled'],
  ['submitted', 'stale'],
  ['pending_approval', 'approved'],
  ['pending_approval', 'rejected'],
  ['pending_approval', 'expired'],
  ['pending_approval', 'cancelled'],
  ['pending_approval', 'stale'],
  ['approved', 'executing'],
  ['approved', 'cancelled'],
  ['approved', 'stale'],
  ['executing', 'done'],
  ['executing', 'failed'],
  ['executing', 'stale'],
  ['failed', 'executing'],
  ['failed', 'abandoned'],
  ['failed', 'cancelled'],
];

describe('the states of a change', () => {
  const pairs = CHANGE_STATES.flatMap((from) => CHANGE_STATES.map((to) => [from, to] as const));

  it.each(pairs)('from %s to %s is allowed only when it is in the table', (from, to) => {
    expect(canTransition(from, to)).toBe(ALLOWED.some(([a, b]) => a === from && b === to));
  });

  it('never lets an executing change be cancelled', () => {
    expect(canTransition('executing', 'cancelled')).toBe(false);
  });

  it('knows which states are the end', () => {
    expect(CHANGE_STATES.filter(isEnded)).toEqual(['done', 'abandoned', 'rejected', 'expired', 'cancelled', 'stale']);
  });
});
