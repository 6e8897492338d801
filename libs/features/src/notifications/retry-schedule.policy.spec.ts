import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  FAILING_FOR_MS,
  hasFailedLong,
  MAX_RETRY_AFTER_MS,
  nextDelayMs,
  RETRY_AFTER_MS,
} from './retry-schedule.policy.js';

const random = fc.double({ min: 0, max: 1, noNaN: true });
const attempt = fc.integer({ min: 1, max: RETRY_AFTER_MS.length });

describe('the schedule of retries', () => {
  it('is that of the specification, about three days in all', () => {
    expect(RETRY_AFTER_MS.map((_, index) => nextDelayMs(index + 1, 0.5)! / 1_000)).toEqual([
      5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ]);
  });

  it('stays within a fifth of it, whatever the dice say', () => {
    fc.assert(
      fc.property(attempt, random, (attempts, dice) => {
        const share = nextDelayMs(attempts, dice)! / RETRY_AFTER_MS[attempts - 1]!;
        expect(share).toBeGreaterThanOrEqual(0.8);
        expect(share).toBeLessThanOrEqual(1.2);
      }),
    );
  });

  it('waits as long as the receiver asks for, a day at most, and never shorter than it would have', () => {
    fc.assert(
      fc.property(attempt, random, fc.integer({ min: 0, max: 10 * MAX_RETRY_AFTER_MS }), (attempts, dice, asked) => {
        const own = nextDelayMs(attempts, dice)!;
        expect(nextDelayMs(attempts, dice, asked)).toBe(Math.max(own, Math.min(asked, MAX_RETRY_AFTER_MS)));
      }),
    );
  });

  it('ends after the tenth attempt, also for who asks for patience', () => {
    expect(nextDelayMs(RETRY_AFTER_MS.length, 0)).toBeDefined();
    expect(nextDelayMs(RETRY_AFTER_MS.length + 1, 0, 1_000)).toBeUndefined();
  });

  it('gives a receiver up after five days of failures', () => {
    const since = new Date(0);
    expect(hasFailedLong(since, new Date(FAILING_FOR_MS - 1))).toBe(false);
    expect(hasFailedLong(since, new Date(FAILING_FOR_MS))).toBe(true);
  });
});
