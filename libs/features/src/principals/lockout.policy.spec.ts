import { describe, expect, it } from '@jest/globals';
import { lockedUntil } from './lockout.policy.js';

const now = new Date('2026-01-01T00:00:00Z');
const restSeconds = (failures: number): number =>
  ((lockedUntil(failures, now) ?? now).getTime() - now.getTime()) / 1_000;

describe('lockedUntil', () => {
  it('costs nothing for four wrong passwords, then half a minute, twice as long each time, a quarter of an hour at most', () => {
    expect([0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 1_000_000].map(restSeconds)).toEqual([
      0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900,
    ]);
  });
});
