import {
  ADD_SYNC_PROFILE,
  ADOPT_DRIFT,
  CHANGE_SOURCE,
  CREATE_SECRET,
  DISABLE_SECRET,
  EDIT_SECRET,
  ENABLE_SECRET,
  REMOVE_SYNC_PROFILE,
  VERSION_KINDS,
  WRITE_CONTENT,
  type AddSyncProfileParameters,
  type AdoptParameters,
  type ChangeSourceParameters,
  type CreateParameters,
  type EditParameters,
  type RemoveSyncProfileParameters,
  type VersionParameters,
  type WriteParameters,
} from '@claviger/features/secrets';
import type { PlaceState, PresentState } from './facts/secret-state.js';

/** What a change would make of a secret. */
export type ProposedState = {
  /** Id. */
  readonly vaultProfile: string;
  readonly state: PresentState;
  /** Of the content that it brings in; null when it brings in none. */
  readonly fingerprint: string | null;
};

export type ProposalWorld = {
  readonly now: Date;
  /** The place of a vault profile, and whether it has an approval profile. */
  readonly place: (profileId: string) => { readonly place: PlaceState; readonly isGated: boolean };
  /** The secret as it is; absent for one that is to be created. */
  readonly current?: {
    readonly vaultProfile: string;
    readonly state: PresentState;
    readonly fingerprint: string | null;
  };
};

/** Kinds of change whose outcome rules can judge before it is there. */
export const PROPOSING_KINDS: ReadonlySet<string> = new Set([
  CREATE_SECRET,
  WRITE_CONTENT,
  ADOPT_DRIFT,
  VERSION_KINDS.undelete,
  EDIT_SECRET,
  ENABLE_SECRET,
  DISABLE_SECRET,
  ADD_SYNC_PROFILE,
  REMOVE_SYNC_PROFILE,
  CHANGE_SOURCE,
]);

/** The state that a change of one of {@link PROPOSING_KINDS} makes. Pure. How many share the value is left as it was. */
export function proposedState(kind: string, parameters: unknown, world: ProposalWorld): ProposedState {
  if (kind === CREATE_SECRET) return created(parameters as CreateParameters, world);
  const { vaultProfile, state } = world.current!;
  switch (kind) {
    case WRITE_CONTENT:
      return written(parameters as WriteParameters, world);
    case ADOPT_DRIFT:
      return written(parameters as AdoptParameters, world);
    case VERSION_KINDS.undelete: {
      // Rules are about the current version; what was in force before it is readable again, and in force no more.
      const isCurrent = (parameters as VersionParameters).number === state.version;
      return { vaultProfile, state, fingerprint: isCurrent ? world.current!.fingerprint : null };
    }
    case ADD_SYNC_PROFILE: {
      const { target } = parameters as AddSyncProfileParameters;
      const copy = { ...world.place(target.profileId).place, status: 'pending' };
      return { vaultProfile, fingerprint: null, state: { ...state, copies: [...state.copies, copy] } };
    }
    case REMOVE_SYNC_PROFILE: {
      const { profile } = world.place((parameters as RemoveSyncProfileParameters).profileId).place;
      const copies = state.copies.filter((copy) => copy.profile !== profile);
      return { vaultProfile, fingerprint: null, state: { ...state, copies } };
    }
    case CHANGE_SOURCE:
      return moved(parameters as ChangeSourceParameters, world);
    default:
      return { vaultProfile, fingerprint: null, state: edited(state, (parameters as EditParameters).set) };
  }
}

function created(p: CreateParameters, { now, place }: ProposalWorld): ProposedState {
  const { place: source, isGated } = place(p.source.profileId);
  const at = now.toISOString();
  const state: PresentState = {
    name: p.name,
    type: p.type,
    owner: p.owner,
    labels: p.labels,
    isDisabled: false,
    version: 1,
    createdAt: at,
    versionCreatedAt: at,
    expiresAt: toIso(p.expiresAt),
    rotationIntervalSeconds: p.rotationIntervalSeconds,
    rotationDueAt: dueAfter(p.rotationIntervalSeconds, now),
    content: p.facts,
    source,
    copies: p.targets.map(({ profileId }) => ({ ...place(profileId).place, status: 'pending' })),
    hasDrift: false,
    reusedBy: 0,
    isGated,
    approvers: 0,
    hasUnreviewedBreakGlass: false,
    verifiedAt: p.targets.length > 0 ? at : null,
  };
  return { vaultProfile: p.source.profileId, state, fingerprint: p.fingerprint };
}

function written(
  { facts, fingerprint, cause }: AdoptParameters & Partial<WriteParameters>,
  { now, current }: ProposalWorld,
): ProposedState {
  const { vaultProfile, state } = current!;
  const after: PresentState = {
    ...state,
    version: state.version + 1,
    versionCreatedAt: now.toISOString(),
    rotationDueAt: dueAfter(state.rotationIntervalSeconds, now),
    content: facts,
    hasDrift: false,
  };
  // What is recorded is put back: nothing comes in that was not judged before.
  const isPutBack = cause === 'overwrite-drift';
  return { vaultProfile, fingerprint: isPutBack ? null : fingerprint, state: after };
}

/** The source was a copy, or is none yet; what was the source is one from then on. */
function moved({ to }: ChangeSourceParameters, { place, current }: ProposalWorld): ProposedState {
  const { state } = current!;
  const { place: source, isGated } = place(to.profileId);
  const copies = state.copies.filter(({ profile }) => profile !== source.profile);
  const former = { ...state.source, status: 'in_sync' };
  return {
    vaultProfile: to.profileId,
    fingerprint: null,
    state: { ...state, source, isGated, copies: [...copies, former] },
  };
}

function edited(state: PresentState, set: EditParameters['set']): PresentState {
  const { owner, labels, expiresAt, rotationIntervalSeconds, isDisabled } = set;
  return {
    ...state,
    ...(owner !== undefined && { owner }),
    ...(labels !== undefined && { labels }),
    ...(expiresAt !== undefined && { expiresAt: toIso(expiresAt) }),
    ...(rotationIntervalSeconds !== undefined && { rotationIntervalSeconds }),
    ...(isDisabled !== undefined && { isDisabled }),
  };
}

const toIso = (date: string | null): string | null => (date === null ? null : new Date(date).toISOString());

const dueAfter = (seconds: number | null, now: Date): string | null =>
  seconds === null ? null : new Date(now.getTime() + seconds * 1_000).toISOString();
