import { describe, expect, it } from '@jest/globals';
import { CHANGE_SOURCE, type ChangeSourceParameters } from '@claviger/features/secrets';
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
  current: { vaultProfile: 'old', state },
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
