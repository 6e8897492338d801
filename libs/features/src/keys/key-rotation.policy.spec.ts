import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { afterPass, laggardsOf, nextStep, ROTATION_STATES, withoutRootKey } from './key-rotation.policy.js';

const now = new Date('2026-01-31T00:00:00Z');
const process = (keyGeneration: string | null, rootKeyIds: string[] | null = null) => ({ keyGeneration, rootKeyIds });

describe('nextStep', () => {
  it.each([
    ['adding', 1, null, 'wait'],
    ['adding', 0, null, 'activate'],
    ['switching', 2, null, 'wait'],
    ['switching', 0, null, 'begin'],
    ['renewing', 0, null, 'renew'],
    ['settling', 0, new Date(now.getTime() + 1), 'wait'],
    ['settling', 0, now, 'settle'],
    ['done', 0, now, 'none'],
  ] as const)('of a rotation that is %s with %d laggards', (state, laggards, settlesAt, step) => {
    expect(nextStep({ state, settlesAt }, { laggards, now })).toBe(step);
  });

  it('never uses a key, nor lets go of one, while a process does not know how things stand', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ROTATION_STATES), fc.integer({ min: 1, max: 9 }), (state, laggards) => {
        expect(['activate', 'begin']).not.toContain(nextStep({ state, settlesAt: now }, { laggards, now }));
      }),
    );
  });
});

describe('laggardsOf', () => {
  it('are those that know of less, and those that cannot know', () => {
    const [old, behind, there, ahead] = [process(null), process('9'), process('10'), process('11')];
    expect(laggardsOf([old, behind, there, ahead], '10')).toEqual([old, behind]);
  });
});

describe('withoutRootKey', () => {
  it('are those that were not given it', () => {
    const [both, one, unknown] = [process('1', ['a', 'b']), process('1', ['a']), process(null)];
    expect(withoutRootKey([both, one, unknown], 'b')).toEqual([one, unknown]);
  });
});

describe('afterPass', () => {
  it.each([
    [0, 5, 'enough'],
    [3, 5, 'again'],
    [3, 0, 'enough'],
  ] as const)('with %d left and %d renewed', (left, renewed, expected) => {
    expect(afterPass(left, renewed)).toBe(expected);
  });
});
