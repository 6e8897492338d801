import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { presentState } from '../fixtures/present-state.js';
import { daysAt, DAY_MS, nextCrossing } from './fact.js';
import { FACTS } from './fact-catalogue.js';
import { factsOf, nextChangeAt } from './facts-of.js';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const inDays = (days: number, ms = 0): string => new Date(NOW.getTime() + days * DAY_MS + ms).toISOString();

describe('facts of a secret', () => {
  it('are all there, and null where there is nothing', () => {
    const facts = factsOf(presentState({ type: 'generic' }), NOW);
    expect(Object.keys(facts).sort()).toEqual(Object.keys(FACTS).sort());
    expect(facts).toMatchObject({ owner: null, jwtAlgorithm: null, expiresInDays: null, hasExpiry: false });
  });

  it.each([
    ['the day of birth', 'ageDays', { createdAt: inDays(0, -1) }, 0],
    ['the last millisecond of a day', 'ageDays', { createdAt: inDays(-1, 1) }, 0],
    ['a whole day', 'ageDays', { createdAt: inDays(-1) }, 1],
    ['a day left, to the millisecond', 'expiresInDays', { expiresAt: inDays(1) }, 1],
    ['a millisecond less', 'expiresInDays', { expiresAt: inDays(1, -1) }, 0],
    ['the moment itself', 'expiresInDays', { expiresAt: inDays(0) }, 0],
    ['what is past', 'expiresInDays', { expiresAt: inDays(0, -1) }, -1],
    [
      'the earlier of two dates',
      'expiresInDays',
      { expiresAt: inDays(9), type: 'jwt' as const, content: { expiresAt: inDays(3) } },
      3,
    ],
    ['an overdue rotation', 'rotationDueInDays', { rotationDueAt: inDays(-2) }, -2],
    ['a certificate', 'certificateExpiresInDays', { type: 'key-store' as const, content: { expiresAt: inDays(5) } }, 5],
    ['no certificate', 'certificateExpiresInDays', { type: 'jwt' as const, content: { expiresAt: inDays(5) } }, null],
    ['an old verification', 'verifiedDaysAgo', { verifiedAt: inDays(-3) }, 3],
  ])('count %s in whole days', (_, fact, state, days) => {
    expect(factsOf(presentState(state), NOW)[fact]).toBe(days);
  });

  it('tell where it is, of source and copies', () => {
    const aws = (region: string) => ({ profile: region, kind: 'aws-secrets-manager', region, status: 'in_sync' });
    const facts = factsOf(
      presentState({ copies: [aws('eu-west-1'), { ...aws('us-east-1'), status: 'missing' }] }),
      NOW,
    );
    expect(facts).toMatchObject({
      placeKinds: ['aws-secrets-manager', 'builtin'],
      placeRegions: ['eu-west-1', 'us-east-1'],
      replicas: 2,
      replicasInSync: 1,
      replicaStatuses: ['in_sync', 'missing'],
    });
  });

  it('tell for how long a token was made', () => {
    const content = { expiresAt: inDays(30), jwt: { algorithm: 'RS256', audiences: [], issuedAt: inDays(0) } };
    expect(factsOf(presentState({ type: 'jwt', content }), NOW)).toMatchObject({ jwtLifetimeDays: 30 });
  });
});

describe('the next crossing', () => {
  const counting = fc
    .tuple(fc.integer({ min: -40, max: 40 }), fc.integer({ min: -2, max: 2 }), fc.boolean())
    .map(([days, ms, isUp]) => (isUp ? { since: inDays(days, ms) } : { until: inDays(days, ms) }));
  const threshold = fc.oneof(fc.integer({ min: -30, max: 30 }), fc.constantFrom(0.5, -3.5, 7.25));
  const compare = (days: number, to: number): number => Math.sign(days - to);

  it('is when a comparison changes, and not before', () => {
    fc.assert(
      fc.property(counting, threshold, fc.double({ min: 0, max: 1, noNaN: true }), (counted, days, share) => {
        const at = nextCrossing(counted, days, NOW);
        const until = at?.getTime() ?? NOW.getTime() + 100 * DAY_MS;
        const between = new Date(NOW.getTime() + Math.floor((until - 1 - NOW.getTime()) * share));
        const now = compare(daysAt(counted, NOW)!, days);
        expect(compare(daysAt(counted, between)!, days)).toBe(now);
        if (at) expect(compare(daysAt(counted, at)!, days)).not.toBe(now);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is the first of several, or none', () => {
    const state = presentState({ createdAt: inDays(-1), expiresAt: inDays(10) });
    const thresholds = [
      { fact: 'ageDays', days: 90 },
      { fact: 'expiresInDays', days: 7 },
    ];
    expect(nextChangeAt(state, thresholds, NOW)).toEqual(new Date(Date.parse(inDays(2, 1))));
    expect(nextChangeAt(state, [{ fact: 'rotationDueInDays', days: 0 }], NOW)).toBeNull();
  });
});
