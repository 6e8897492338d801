import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { daysToDrop } from './retention.policy.js';

describe('daysToDrop', () => {
  const days = ['2026-03-03', '2026-03-01', '2026-02-28', '2026-03-02', '2026-03-05'];

  it.each([
    [1, '2026-03-04T00:00:00.000Z', ['2026-02-28', '2026-03-01', '2026-03-02']],
    [1, '2026-03-04T23:59:59.999Z', ['2026-02-28', '2026-03-01', '2026-03-02']],
    [2, '2026-03-04T12:00:00.000Z', ['2026-02-28', '2026-03-01']],
    [3_650, '2026-03-04T12:00:00.000Z', []],
  ])('keeps %d whole days after the day itself at %s', (retentionDays, now, expected) => {
    expect(daysToDrop(days, new Date(now), retentionDays)).toEqual(expected);
  });

  it('never drops an entry before its time', () => {
    const instants = fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(instants, instants, fc.integer({ min: 1, max: 400 }), (entry, now, retentionDays) => {
        const dropped = daysToDrop([entry.toISOString().slice(0, 10)], now, retentionDays);
        const ageDays = (now.getTime() - entry.getTime()) / 86_400_000;
        if (ageDays <= retentionDays) expect(dropped).toEqual([]);
        if (ageDays > retentionDays + 2) expect(dropped).toHaveLength(1);
      }),
    );
  });
});
