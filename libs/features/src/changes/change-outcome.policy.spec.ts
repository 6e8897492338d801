import { describe, expect, it } from '@jest/globals';
import { AppError, ERROR_KINDS, type ErrorKind } from '@claviger/kernel';
import { isCertain, pauseMs } from './change-outcome.policy.js';

const error = (kind: ErrorKind, more: { retryable?: boolean; outcomeUnknown?: boolean } = {}): AppError =>
  Object.assign(new AppError({ code: 'X', kind, message: 'X.', retryable: more.retryable ?? false }), more);

describe('isCertain', () => {
  it.each(ERROR_KINDS)('takes %s of a first attempt for what it says, unless the outcome is unknown', (kind) => {
    expect(isCertain(error(kind), { isResumed: false })).toBe(true);
    expect(isCertain(error(kind, { retryable: true }), { isResumed: false })).toBe(true);
    expect(isCertain(error(kind, { outcomeUnknown: true }), { isResumed: false })).toBe(false);
  });

  it('lets only an answer on the merits settle what an earlier attempt did', () => {
    const open = ERROR_KINDS.filter((kind) => !isCertain(error(kind), { isResumed: true }));
    expect(open).toEqual(['rate_limited', 'unavailable', 'timeout', 'internal']);
    expect(isCertain(error('conflict', { retryable: true }), { isResumed: true })).toBe(false);
    expect(isCertain(error('conflict', { outcomeUnknown: true }), { isResumed: true })).toBe(false);
  });

  it.each([true, false])('takes a defect for no outcome at all (resumed: %s)', (isResumed) => {
    expect(isCertain(new TypeError('x'), { isResumed })).toBe(false);
  });
});

describe('pauseMs', () => {
  it('doubles up to a minute', () => {
    expect([1, 2, 3, 5, 6, 7, 60, 2_000].map(pauseMs)).toEqual([
      2_000, 4_000, 8_000, 32_000, 60_000, 60_000, 60_000, 60_000,
    ]);
  });
});
