import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { explainTarget, type ExplainedFacts } from './explain.policy.js';
import { TARGET_STATUSES, type SyncTargetEntity } from './sync-target.entity.js';

const now = new Date('2026-11-22T10:00:00Z');
const target = (more: Partial<SyncTargetEntity> = {}): SyncTargetEntity =>
  ({
    status: 'pending',
    desiredVersion: 2,
    desiredPresence: 'present',
    observedVersion: 1,
    errorCode: null,
    attempts: 0,
    nextAttemptAt: null,
    leaseUntil: null,
    unsettledUntil: null,
    drift: null,
    verifiedAt: null,
    verifiedHow: 'none',
    ...more,
  }) as SyncTargetEntity;
const facts = (more: Partial<ExplainedFacts> = {}): ExplainedFacts => ({
  secret: { state: 'active', isDisabled: false, sourceProfile: 'prod', drift: null, waiting: null },
  profile: { name: 'standby', isEnabled: true },
  target: target(),
  isReplicationPaused: false,
  alike: { failing: 0, all: 3 },
  now,
  ...more,
});
const codes = (more: Partial<ExplainedFacts>): string[] => explainTarget(facts(more)).causes.map(({ code }) => code);
const secret = (more: Partial<ExplainedFacts['secret']>): ExplainedFacts['secret'] => ({ ...facts().secret, ...more });

describe('explainTarget', () => {
  it.each<[string, Partial<ExplainedFacts>, string[]]>([
    ['a copy that is equal', { target: target({ status: 'in_sync' }) }, []],
    ['one that is due', { target: target({ nextAttemptAt: now }) }, ['DUE']],
    ['one that is only behind', {}, ['BEHIND']],
    ['one that is being worked on', { target: target({ leaseUntil: new Date(now.getTime() + 1) }) }, ['IN_PROGRESS']],
    ['a vault that is down', { target: target({ errorCode: 'VAULT_UNAVAILABLE' }) }, ['VAULT_UNAVAILABLE']],
    [
      'a vault that is down for all',
      { target: target({ errorCode: 'VAULT_UNAVAILABLE' }), alike: { failing: 3, all: 3 } },
      ['FAILS_ALIKE', 'VAULT_UNAVAILABLE'],
    ],
    [
      'something foreign at several places, each for itself',
      { target: target({ status: 'foreign', errorCode: 'TARGET_NOT_OURS' }), alike: { failing: 2, all: 12 } },
      ['TARGET_NOT_OURS'],
    ],
    [
      'places that may not be written, unlike a vault where nothing may',
      { target: target({ errorCode: 'VAULT_PERMISSION_DENIED' }), alike: { failing: 2, all: 3 } },
      ['VAULT_PERMISSION_DENIED'],
    ],
    [
      'a vault where nothing may be written',
      { target: target({ errorCode: 'VAULT_PERMISSION_DENIED' }), alike: { failing: 3, all: 3 } },
      ['FAILS_ALIKE', 'VAULT_PERMISSION_DENIED'],
    ],
    [
      'a source whose vault is down, without accusing that of the target',
      {
        target: target({ errorCode: 'VAULT_UNAVAILABLE', errorCause: 'At the source: The vault does not answer.' }),
        alike: { failing: 3, all: 3 },
      },
      ['VAULT_UNAVAILABLE'],
    ],
    [
      'a copy that goes on, because its profile was enabled again',
      { target: target({ status: 'paused', errorCode: 'VAULT_PROFILE_DISABLED' }) },
      ['RESUMES'],
    ],
    [
      'a write without an answer',
      { target: target({ errorCode: 'VAULT_TIMEOUT', unsettledUntil: new Date(now.getTime() + 1) }) },
      ['VAULT_TIMEOUT', 'OUTCOME_UNKNOWN'],
    ],
    [
      'a secret that is disabled, told once',
      { secret: secret({ isDisabled: true }), target: target({ status: 'paused', errorCode: 'SECRET_DISABLED' }) },
      ['SECRET_DISABLED'],
    ],
    [
      'a restored database before all else',
      { isReplicationPaused: true, profile: { name: 'standby', isEnabled: false } },
      ['DATABASE_RESTORED', 'VAULT_PROFILE_DISABLED', 'BEHIND'],
    ],
    [
      'a source that drifted',
      { secret: secret({ drift: { kind: 'content', detectedAt: now.toISOString() } }) },
      ['SOURCE_DRIFTED', 'BEHIND'],
    ],
    [
      'an equal copy of what is not yet approved to change',
      {
        target: target({ status: 'in_sync' }),
        secret: secret({ waiting: { id: 'x', kind: 'secret.content', createdAt: now } }),
      },
      ['CHANGE_WAITS'],
    ],
  ])('explains %s', (_, more, expected) => expect(codes(more)).toEqual(expected));

  it('always has a cause and an action for what is not equal', () => {
    const anyTarget = fc.record({
      status: fc.constantFrom(...TARGET_STATUSES),
      errorCode: fc.constantFrom(null, 'SECRET_DISABLED', 'VAULT_TIMEOUT', 'TARGET_NOT_OURS'),
      errorAction: fc.constantFrom(null, 'Do this.'),
      leaseUntil: fc.constantFrom(null, now, new Date(now.getTime() + 1)),
      unsettledUntil: fc.constantFrom(null, now, new Date(now.getTime() + 1)),
      nextAttemptAt: fc.constantFrom(null, now, new Date(now.getTime() + 1)),
    });
    fc.assert(
      fc.property(anyTarget, fc.boolean(), fc.boolean(), (row, isDisabled, isEnabled) => {
        const explained = explainTarget(
          facts({
            target: target(row as Partial<SyncTargetEntity>),
            secret: secret({ isDisabled }),
            profile: { name: 'standby', isEnabled },
          }),
        );
        if (!explained.isEqual) expect(explained.causes.length).toBeGreaterThan(0);
        expect(explained.nextAction).not.toBe('');
      }),
    );
  });
});
