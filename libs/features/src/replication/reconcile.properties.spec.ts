import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  advance,
  decide,
  type SeenContent,
  type Sighting,
  type TargetAction,
  type TargetState,
} from './reconcile.policy.js';

const fingerprint = fc.constantFrom('one', 'two', 'three');
const version = fc.constantFrom('7', '8', '9');

const anyState: fc.Arbitrary<TargetState> = fc.record({
  desired: fc.record({
    version: fc.constantFrom(1, 2),
    fingerprint,
    presence: fc.constantFrom('present', 'hidden', 'absent'),
  }),
  observed: fc.record({
    version: fc.constantFrom(null, 1, 2),
    fingerprint: fc.option(fingerprint),
    presence: fc.constantFrom('present', 'hidden', 'absent', 'unknown'),
    backendVersion: fc.option(version),
  }),
  ownership: fc.constantFrom('none', 'marker', 'ledger'),
  mayHaveWritten: fc.boolean(),
  mayArriveLate: fc.boolean(),
  onConflict: fc.constantFrom('fail', 'adopt-if-equal', 'overwrite'),
  repairs: fc.boolean(),
  mustLook: fc.boolean(),
  mayBeRestored: fc.boolean(),
  can: fc.record({ compareAndSet: fc.boolean(), softDelete: fc.boolean(), metadata: fc.boolean() }),
});

const anyContent: fc.Arbitrary<SeenContent> = fc.oneof(
  fc.record({ is: fc.constant('readable' as const), fingerprint, isKnown: fc.boolean() }),
  fc.constantFrom<SeenContent>({ is: 'hidden' }, { is: 'destroyed' }, { is: 'none' }),
);

const anySighting: fc.Arbitrary<Sighting> = fc.oneof(
  fc.constant<Sighting>({ exists: false }),
  fc.record({
    exists: fc.constant(true as const),
    marker: fc.constantFrom('ours' as const, 'foreign' as const, 'unmarked' as const),
    version: fc.option(version, { nil: undefined }),
    content: anyContent,
  }),
);

const CHANGES = new Set(['create', 'put', 'adopt', 'hide', 'unhide', 'purge']);
const MAX_MOVES = 3;

const holds = (property: (state: TargetState, seen: Sighting) => void): void =>
  fc.assert(fc.property(anyState, anySighting, property), { numRuns: 5_000 });

describe('decide, for every state and everything that can be seen', () => {
  it('asks to look at most once', () =>
    holds((state, seen) => {
      expect(decide(state, seen).do).not.toBe('look');
    }));

  it('never purges, hides or brings back what carries a foreign marker', () =>
    holds((state, seen) => {
      if (!seen.exists || seen.marker !== 'foreign') return;
      expect(['purge', 'hide', 'unhide']).not.toContain(decide(state, seen).do);
    }));

  it('writes over or marks a foreign object only when it was told to, at a place that it never owned', () =>
    holds((state, seen) => {
      if (!seen.exists || seen.marker !== 'foreign') return;
      if (!CHANGES.has(decide(state, seen).do)) return;
      expect(state.ownership).toBe('none');
      expect(state.onConflict).not.toBe('fail');
    }));

  it('removes only what the ledger owns, or an attempt of ours may have written', () =>
    holds((state, seen) => {
      if (decide(state, seen).do !== 'purge') return;
      expect(state.ownership !== 'none' || state.mayHaveWritten).toBe(true);
      expect(state.desired.presence).toBe('absent');
    }));

  it('never writes what is equal', () =>
    holds((state, seen) => {
      const isEqual =
        seen.exists && seen.content.is === 'readable' && seen.content.fingerprint === state.desired.fingerprint;
      if (isEqual) expect(['put', 'create']).not.toContain(decide(state, seen).do);
    }));

  it('never goes over what may be newer than a restored database, unless it is what is wanted', () =>
    holds((state, seen) => {
      if (!state.mayBeRestored || state.mayHaveWritten || !seen.exists || seen.content.is !== 'readable') return;
      const { fingerprint: found } = seen.content;
      if (found === state.desired.fingerprint || found === state.observed.fingerprint) return;
      expect(['put', 'create', 'hide', 'purge', 'unhide']).not.toContain(decide(state, seen).do);
    }));

  it('creates only where nothing is', () =>
    holds((state, seen) => {
      if (decide(state, seen).do === 'create') expect(seen.exists).toBe(false);
    }));

  it('says of each write what was lost by it', () =>
    holds((state, seen) => {
      const action = decide(state, seen);
      if (action.do !== 'put' || !seen.exists || seen.content.is !== 'readable') return;
      expect(action.lost).toBe(seen.content.isKnown ? undefined : seen.content.fingerprint);
    }));
});

describe('decide, carried out at a place that nobody else touches', () => {
  it('comes to an end after a few changes, and then wants nothing more', () =>
    holds((start, place) => {
      const { state, seen, last } = converge(start, place);
      if (last.do !== 'record') return;
      const isRight =
        state.desired.presence === 'hidden'
          ? !seen.exists || seen.content.is !== 'readable'
          : seen.exists && seen.content.is === 'readable' && seen.content.fingerprint === state.desired.fingerprint;
      expect(isRight).toBe(true);
      expect(decide(recorded(state, last), seen).do).toBe('record');
      expect(decide({ ...recorded(state, last), mustLook: false, mayHaveWritten: false }).do).toBe('record');
    }));
});

/** Looks and acts as the reconciler does. @throws Error when that does not end */
function converge(start: TargetState, place: Sighting): { state: TargetState; seen: Sighting; last: TargetAction } {
  let state: TargetState = { ...start, mustLook: true, mayArriveLate: false };
  let seen = possible(place);
  for (let moves = 0; moves <= MAX_MOVES; moves += 1) {
    const action = decide(state, seen);
    if (!CHANGES.has(action.do)) return { state, seen, last: action };
    seen = carryOut(state, seen, action);
    state = advance(state, action);
  }
  throw new Error('It goes on changing things.');
}

/** An object without any content has no version. */
function possible(seen: Sighting): Sighting {
  return seen.exists && seen.content.is === 'none' ? { ...seen, version: undefined } : seen;
}

function carryOut(state: TargetState, seen: Sighting, action: TargetAction): Sighting {
  const { fingerprint: desired } = state.desired;
  const marker = state.can.metadata ? 'ours' : 'unmarked';
  const content: SeenContent = { is: 'readable', fingerprint: desired, isKnown: true };
  if (action.do === 'create') return { exists: true, marker, version: '10', content };
  if (action.do === 'purge' || !seen.exists) return { exists: false };
  if (action.do === 'put') return { exists: true, marker: action.marks ? marker : seen.marker, version: '10', content };
  if (action.do === 'adopt') return { ...seen, marker };
  if (action.do === 'hide') return { ...seen, content: { is: 'hidden', fingerprint: action.fingerprint } };
  return { ...seen, content };
}

/** The ledger after that. */
function recorded(state: TargetState, action: Extract<TargetAction, { do: 'record' }>): TargetState {
  const { version: desiredVersion, presence } = state.desired;
  return {
    ...state,
    ownership: action.ownership,
    mayBeRestored: false,
    observed: {
      version: desiredVersion,
      fingerprint: action.fingerprint,
      presence,
      backendVersion: action.backendVersion ?? null,
    },
  };
}
