import { describe, expect, it } from '@jest/globals';
import { TARGET_STATUSES } from '@claviger/features/replication';
import * as fc from 'fast-check';
import { judgeCandidate, type Candidate } from './source-change.policy.js';

const NOW = new Date('2026-11-22T06:00:00Z');
const SECRET = { currentVersion: 3, currentFingerprint: 'three' };

const candidate = (more: Partial<Candidate> = {}): Candidate => ({
  desiredVersion: 3,
  desiredFingerprint: 'three',
  desiredPresence: 'present',
  observedVersion: 3,
  observedFingerprint: 'three',
  observedPresence: 'present',
  status: 'in_sync',
  attempts: 0,
  errorCode: null,
  errorCause: null,
  errorAction: null,
  leaseOwner: null,
  unsettledUntil: null,
  isLookDue: false,
  ...more,
});
const judge = (more: Partial<Candidate> = {}) => judgeCandidate(candidate(more), SECRET, NOW);

describe('a target that is to be the source', () => {
  it.each<[string, Partial<Candidate>]>([
    ['holds the current version', {}],
    ['was sent something that cannot arrive any more', { unsettledUntil: NOW }],
  ])('is equal when it %s', (_what, more) => {
    expect(judge(more)).toEqual({ is: 'equal' });
  });

  it.each<[string, Partial<Candidate>]>([
    ['is about to be written', { status: 'pending' }],
    ['holds an older version', { observedVersion: 2, observedFingerprint: 'two' }],
    ['was asked to hold an older version', { desiredVersion: 2, desiredFingerprint: 'two' }],
    ['holds other content under the same number', { observedFingerprint: 'other' }],
    ['hides it', { observedPresence: 'hidden' }],
    ['is being worked on', { leaseOwner: 'worker' }],
    ['is to be looked at', { isLookDue: true }],
    ['is tried again', { status: 'retrying', attempts: 2 }],
  ])('is waited for while it %s', (_what, more) => {
    expect(judge(more)).toEqual({ is: 'waiting' });
  });

  it('is not waited for while something that was sent may still arrive', () => {
    const unsettledUntil = new Date(NOW.getTime() + 1);
    for (const status of ['in_sync', 'pending', 'retrying'] as const)
      expect(judge({ status, unsettledUntil })).toMatchObject({
        is: 'stopped',
        code: 'TARGET_MAY_RECEIVE_LATE_WRITE',
      });
  });

  it.each(['retrying', 'drifted', 'missing', 'foreign', 'blocked', 'paused'] as const)(
    'is not waited for when it is %s, and says why',
    (status) => {
      const error = { errorCode: 'VAULT_SEALED', errorCause: 'It is sealed.', errorAction: 'Unseal it.' };
      const why = { code: 'VAULT_SEALED', cause: 'It is sealed.', action: 'Unseal it.' };
      expect(judge({ status, attempts: 3, ...error })).toEqual({ is: 'stopped', ...why });
    },
  );

  it.each(['absent', 'retained', 'hidden'] as const)('is not waited for when it is to be %s', (desiredPresence) => {
    expect(judge({ desiredPresence })).toMatchObject({ is: 'stopped' });
  });

  it('is not waited for when it is not there', () => {
    expect(judgeCandidate(null, SECRET, NOW)).toMatchObject({
      is: 'stopped',
      code: 'TARGET_NOT_FOUND',
    });
  });

  it('is never called equal when it was last seen with anything else, or anything may change it still', () => {
    const version = fc.integer({ min: 1, max: 4 });
    const fingerprint = fc.constantFrom('two', 'three', null);
    const state = fc.record({
      desiredVersion: version,
      desiredFingerprint: fc.constantFrom('two', 'three'),
      desiredPresence: fc.constantFrom('present', 'hidden', 'absent', 'retained'),
      observedVersion: fc.option(version),
      observedFingerprint: fingerprint,
      observedPresence: fc.constantFrom('present', 'hidden', 'absent', 'unknown'),
      status: fc.constantFrom(...TARGET_STATUSES),
      leaseOwner: fc.option(fc.constant('worker')),
      unsettledUntil: fc.option(fc.constantFrom(new Date(NOW.getTime() - 1), new Date(NOW.getTime() + 1))),
      isLookDue: fc.boolean(),
    });
    fc.assert(
      fc.property(state, (some) => {
        const target = candidate(some as Partial<Candidate>);
        if (judgeCandidate(target, SECRET, NOW).is !== 'equal') return;
        expect(target).toMatchObject({ observedVersion: 3, observedFingerprint: 'three', observedPresence: 'present' });
        expect(target).toMatchObject({ status: 'in_sync', leaseOwner: null, isLookDue: false });
        expect(target.unsettledUntil?.getTime() ?? 0).toBeLessThanOrEqual(NOW.getTime());
      }),
      { numRuns: 2_000 },
    );
  });
});
