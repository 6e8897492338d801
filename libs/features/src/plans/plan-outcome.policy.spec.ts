import { describe, expect, it } from '@jest/globals';
import { AppError } from '@claviger/kernel';
import { CHANGE_STATES } from '@claviger/features/changes';
import { outcomeOfChange, outcomeOfError } from './plan-outcome.policy.js';

describe('the outcome of an item', () => {
  it('is where its change stands', () => {
    const states = CHANGE_STATES.map((state) => {
      const change = { id: 'c', state, secretId: null, errorCode: null, errorMessage: null };
      return [state, outcomeOfChange(change).state];
    });
    expect(Object.fromEntries(states)).toEqual({
      submitted: 'executing',
      pending_approval: 'pending_approval',
      approved: 'pending_approval',
      executing: 'executing',
      done: 'done',
      failed: 'failed',
      abandoned: 'failed',
      rejected: 'failed',
      expired: 'failed',
      cancelled: 'failed',
      stale: 'stale',
    });
  });

  it.each([
    ['STALE_MATCH', 'stale'],
    ['CHANGE_STALE', 'stale'],
    ['FOUND_CONTENT_CHANGED', 'stale'],
    ['SECRET_BUSY', 'failed'],
    ['TOKEN_INVALID', 'failed'],
  ])('that was refused with %s is %s', (code, state) => {
    expect(outcomeOfError(new AppError({ code, kind: 'conflict', message: 'M.' }))).toEqual({
      state,
      code,
      message: 'M.',
    });
  });
});
