import { describe, expect, it } from '@jest/globals';
import {
  ADOPT_DRIFT,
  CHANGE_SOURCE,
  VERSION_KINDS,
  WRITE_CONTENT,
  type ChangeSourceParameters,
} from '@claviger/features/secrets';
import type { PresentState } from './facts/secret-state.js';
import { proposedState, type ProposalWorld } from './proposed-state.js';

const place = (profile: string): { profile: string; kind: string; region: null } => ({
  profile,
  kind: 'kv',
  region: null,
});

const state: PresentState = {
  name: 'shop/database',
  type: 'basic-auth',
  owner: null,
  labels: {},
  isDisabled: false,
  version: 2,
  createdAt: '2026-01-01T00:00:00.000Z',
  versionCreatedAt: '2026-02-01T00:00:00.000Z',
  expiresAt: null,
  rotationIntervalSeconds: null,
  rotationDueAt: null,
  content: {},
  source: place('old'),
  copies: [
    { ...place('near'), status: 'in_sync' },
    { ...place('new'), status: 'drifted' },
  ],
  hasDrift: false,
  reusedBy: 0,
  isGated: false,
  approvers: 0,
  hasUnreviewedBreakGlass: false,
  verifiedAt: null,
};
const world: ProposalWorld = {
  now: new Date('2026-03-01T00:00:00Z'),
  place: (id) => ({ place: place(id), isGated: id === 'new' }),
  current: { vaultProfile: 'old', state, fingerprint: 'recorded' },
};

describe('what a change of source makes of a secret', () => {
  it('is judged by the rules of its new profile, with the former source as a copy', () => {
    const parameters = { to: { profileId: 'new' } } as unknown as ChangeSourceParameters;
    const proposed = proposedState(CHANGE_SOURCE, parameters, world);
    expect(proposed).toMatchObject({ vaultProfile: 'new', fingerprint: null });
    expect(proposed.state).toEqual({
      ...state,
      source: place('new'),
      isGated: true,
      copies: [
        { ...place('near'), status: 'in_sync' },
        { ...place('old'), status: 'in_sync' },
      ],
    });
  });
});

describe('what comes in by other ways than a write', () => {
  const found = { fingerprint: 'found', facts: { valueLength: '1-7' } };

  it('is judged like one where drift is adopted', () => {
    const drifted = { ...world, current: { ...world.current!, state: { ...state, hasDrift: true } } };
    expect(proposedState(ADOPT_DRIFT, found, drifted)).toEqual({
      vaultProfile: 'old',
      fingerprint: 'found',
      state: { ...state, version: 3, versionCreatedAt: world.now.toISOString(), content: found.facts },
    });
  });

  it('is nothing where what is recorded is put back over drift', () => {
    const write = { ...found, cause: 'overwrite-drift', isBound: false };
    expect(proposedState(WRITE_CONTENT, write, world).fingerprint).toBeNull();
    expect(proposedState(WRITE_CONTENT, { ...write, cause: 'restore' }, world).fingerprint).toBe('found');
  });

  it('is what is recorded where the current version is brought back, and nothing where an older one is', () => {
    const proposed = (number: number) => proposedState(VERSION_KINDS.undelete, { number }, world);
    expect(proposed(2)).toEqual({ vaultProfile: 'old', state, fingerprint: 'recorded' });
    expect(proposed(1)).toEqual({ vaultProfile: 'old', state, fingerprint: null });
  });
});
