import { describe, expect, it } from '@jest/globals';
import { ERROR_KINDS } from '@claviger/kernel';
import type { ReviewStep } from '@claviger/features/changes';
import fc from 'fast-check';
import { PLAN_KINDS, type PlanKind } from './plan-request.js';
import { actionOf, actionOfRefusal, firstDifference, isUnready, PLAN_ACTIONS } from './plan-verdict.policy.js';

const source = (action: ReviewStep['action']): ReviewStep => ({ profile: 'kv', role: 'source', action, reason: '' });
const target = (action: ReviewStep['action'], profile = 'copy'): ReviewStep => ({
  profile,
  role: 'target',
  action,
  reason: '',
});

describe('actionOf', () => {
  const TABLE: readonly (readonly [PlanKind, readonly ReviewStep[], string])[] = [
    ['secret.create', [source('create'), target('create')], 'create'],
    ['secret.create', [source('adopt')], 'adopt'],
    ['secret.create', [source('update')], 'update'],
    ['secret.create', [source('create'), target('conflict')], 'conflict'],
    ['secret.create', [source('create'), target('blocked')], 'create'],
    ['secret.create', [source('blocked'), target('create')], 'blocked'],
    ['secret.content', [source('update'), target('no-op')], 'update'],
    ['secret.content', [source('no-op'), target('update')], 'no-op'],
    ['secret.attributes', [], 'update'],
    ['secret.version.destroy', [], 'delete'],
    ['secret.delete', [source('delete'), target('conflict')], 'delete'],
    ['secret.delete', [source('conflict'), target('delete')], 'conflict'],
    ['secret.delete', [source('no-op'), target('delete')], 'delete'],
    ['secret.delete', [source('retain')], 'retain'],
    ['secret.sync-profile.add', [target('conflict')], 'conflict'],
    ['secret.sync-profile.add', [target('blocked')], 'create'],
    ['secret.sync-profile.remove', [target('delete')], 'delete'],
    ['secret.source-profile', [source('create'), target('retain')], 'create'],
    ['secret.source-profile', [source('no-op'), target('retain')], 'update'],
  ];

  it.each(TABLE)(
    'of %s with %j is what happens at the source, unless something stands in its way',
    (kind, steps, action) => {
      expect(actionOf(kind, steps, false)).toBe(action);
    },
  );

  it.each(PLAN_KINDS)('of %s that changes nothing is no-op', (kind) => {
    expect(actionOf(kind, [source('update')], true)).toBe('no-op');
  });
});

describe('actionOfRefusal', () => {
  it.each(ERROR_KINDS)('is never one that is carried out: %s', (kind) => {
    expect(isUnready(actionOfRefusal(kind))).toBe(true);
  });
});

describe('firstDifference', () => {
  const step = fc.record({
    profile: fc.constantFrom('a', 'b', 'c'),
    role: fc.constantFrom('source' as const, 'target' as const),
    action: fc.constantFrom(...PLAN_ACTIONS),
    reason: fc.string(),
  });
  const steps = fc.uniqueArray(step, { selector: ({ profile, role }) => `${profile} ${role}`, maxLength: 6 });

  it('is none between the same, in whatever order and for whatever reason', () => {
    fc.assert(
      fc.property(steps, (planned) => {
        const now = [...planned].reverse().map((one) => ({ ...one, reason: 'another' }));
        expect(firstDifference(planned, now)).toBeUndefined();
      }),
    );
  });

  it('is found wherever one vault would do something else, or is there on one side only', () => {
    fc.assert(
      fc.property(steps, fc.nat(), fc.constantFrom(...PLAN_ACTIONS), (planned, at, action) => {
        fc.pre(planned.length > 0);
        const index = at % planned.length;
        const changed = planned.map((one, i) => (i === index ? { ...one, action } : one));
        const isSame = planned[index]!.action === action;
        expect(firstDifference(planned, changed) === undefined).toBe(isSame);
        const without = planned.filter((_, i) => i !== index);
        expect(firstDifference(planned, without)).toBeDefined();
        expect(firstDifference(without, planned)).toBeDefined();
      }),
    );
  });
});
