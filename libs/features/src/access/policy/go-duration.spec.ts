import { describe, expect, it } from '@jest/globals';
import { parseDurationSeconds } from './go-duration.js';

describe('parseDurationSeconds', () => {
  it.each([
    [90, 90],
    [1.5, 1.5],
    ['', 0],
    ['0', 0],
    ['90', 90],
    [' 90 ', 90],
    ['90s', 90],
    ['1h30m', 5400],
    ['1.5h', 5400],
    ['.5m', 30],
    ['1500ms', 1.5],
    ['2us', 2e-6],
    ['2µs', 2e-6],
    ['30d', 2_592_000],
  ])('reads %p as %p seconds', (input, seconds) => {
    expect(parseDurationSeconds(input)).toBeCloseTo(seconds, 9);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 'soon', '-1s', '+1s', 's', '1 s', '1h 30m', '1d2h', '1.5d', '1y'])(
    'refuses %p',
    (input) => {
      expect(parseDurationSeconds(input)).toBeUndefined();
    },
  );
});
