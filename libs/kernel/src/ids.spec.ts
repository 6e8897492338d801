import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { firstIdAt, isId, newId } from './ids.js';

describe('ids', () => {
  const moment = fc.integer({ min: 0, max: 2 ** 48 - 2 });

  it('are UUIDs of version 7 that sort by time', () => {
    fc.assert(
      fc.property(moment, (ms) => {
        const [early, late] = [newId(ms), newId(ms + 1)];
        expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(isId(early) && early < late).toBe(true);
      }),
    );
  });

  it('lie on the right side of the first one of a moment', () => {
    fc.assert(
      fc.property(moment, (ms) => {
        expect(firstIdAt(ms) <= newId(ms) && newId(ms) < firstIdAt(ms + 1)).toBe(true);
      }),
    );
    for (const ms of [-1, -1e15, 1e300]) expect(isId(firstIdAt(ms))).toBe(true);
  });
});
