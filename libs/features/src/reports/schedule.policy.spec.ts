import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedTiming, nextRunAt, type Timing } from './schedule.policy.js';

const daily = (hour: number): Timing => ({ cadence: 'daily', hour, weekday: null, dayOfMonth: null });
const weekly = (weekday: number, hour: number): Timing => ({ cadence: 'weekly', hour, weekday, dayOfMonth: null });
const monthly = (dayOfMonth: number, hour: number): Timing => ({ cadence: 'monthly', hour, weekday: null, dayOfMonth });

describe('nextRunAt', () => {
  // 2026-11-22 is a Sunday.
  it.each([
    ['later today', daily(9), '2026-11-22T08:59:59.999Z', '2026-11-22T09:00:00.000Z'],
    ['tomorrow, at the moment itself', daily(9), '2026-11-22T09:00:00.000Z', '2026-11-23T09:00:00.000Z'],
    ['in the next year', daily(0), '2026-12-31T12:00:00.000Z', '2027-01-01T00:00:00.000Z'],
    ['on the next Monday', weekly(1, 6), '2026-11-22T12:00:00.000Z', '2026-11-23T06:00:00.000Z'],
    ['on this Sunday', weekly(7, 13), '2026-11-22T12:00:00.000Z', '2026-11-22T13:00:00.000Z'],
    ['on the Sunday after', weekly(7, 12), '2026-11-22T12:00:00.000Z', '2026-11-29T12:00:00.000Z'],
    ['in this month', monthly(28, 0), '2026-11-22T12:00:00.000Z', '2026-11-28T00:00:00.000Z'],
    ['in the next month', monthly(1, 0), '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
  ])('is %s', (_, timing, after, next) => {
    expect(nextRunAt(timing, new Date(after)).toISOString()).toBe(next);
  });

  const hour = fc.integer({ min: 0, max: 23 });
  const timing: fc.Arbitrary<Timing> = fc.oneof(
    hour.map(daily),
    fc.tuple(fc.integer({ min: 1, max: 7 }), hour).map(([day, at]) => weekly(day, at)),
    fc.tuple(fc.integer({ min: 1, max: 28 }), hour).map(([day, at]) => monthly(day, at)),
  );
  const moment = fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });
  const LONGEST: Record<Timing['cadence'], number> = { daily: 1, weekly: 7, monthly: 31 };

  it('is after the moment, within one round, on the hour and the day that were asked for, and misses none between', () => {
    fc.assert(
      fc.property(timing, moment, (when, after) => {
        const next = nextRunAt(when, after);
        const ms = next.getTime() - after.getTime();
        expect(ms).toBeGreaterThan(0);
        expect(ms).toBeLessThanOrEqual(LONGEST[when.cadence] * 86_400_000);
        expect([next.getUTCHours(), next.getUTCMinutes(), next.getUTCSeconds(), next.getUTCMilliseconds()]).toEqual([
          when.hour,
          0,
          0,
          0,
        ]);
        if (when.weekday !== null) expect(next.getUTCDay() || 7).toBe(when.weekday);
        if (when.dayOfMonth !== null) expect(next.getUTCDate()).toBe(when.dayOfMonth);
        expect(nextRunAt(when, new Date(next.getTime() - 1))).toEqual(next);
      }),
    );
  });
});

describe('checkedTiming', () => {
  it.each([
    ['a weekly one without its weekday', { ...weekly(1, 0), weekday: null }],
    ['a monthly one without its day', { ...monthly(1, 0), dayOfMonth: null }],
    ['a daily one with a weekday', { ...daily(1), weekday: 3 }],
    ['a weekly one with a day of the month', { ...weekly(1, 0), dayOfMonth: 3 }],
  ])('refuses %s', (_, given) => {
    expect(() => checkedTiming(given)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
  });

  it('takes what is whole', () => {
    for (const good of [daily(1), weekly(7, 2), monthly(28, 3)]) expect(checkedTiming(good)).toEqual(good);
  });
});
