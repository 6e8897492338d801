import type { BackendVersion } from '@claviger/vaults/contract';
import type { ConflictPolicy, Presence } from './sync-target.entity.js';

/** What a target should hold, what the ledger says it holds, and the rules that apply; nothing else decides. */
export type TargetState = {
  readonly desired: { readonly version: number; readonly fingerprint: string | null; readonly presence: Presence };
  readonly observed: {
    readonly version: number | null;
    readonly fingerprint: string | null;
    readonly presence: Presence | 'unknown';
    readonly backendVersion: BackendVersion | null;
  };
  /** We wrote or adopted what is there. */
  readonly isOwned: boolean;
  /** An earlier attempt may have been carried out without our knowing. */
  readonly mayHaveWritten: boolean;
  readonly onConflict: ConflictPolicy;
  /** Overwrite drift: by the profile's policy, or asked for. */
  readonly repairs: boolean;
  /** The ledger must be compared with the place before anything is written: a scheduled check, or a changed database epoch. */
  readonly mustLook: boolean;
  /** The database may have been restored: content that no version of the ledger knows is newer than the ledger. */
  readonly mayBeRestored: boolean;
  readonly can: { readonly compareAndSet: boolean; readonly softDelete: boolean; readonly metadata: boolean };
};

/** What is at the place now. */
export type TargetView =
  | { readonly exists: false }
  | {
      readonly exists: true;
      readonly marker: 'ours' | 'foreign' | 'unmarked';
      /** Undefined where the backend keeps no versions, or only metadata is there. */
      readonly version: BackendVersion | undefined;
      /** Of the readable current content; undefined when there is none (hidden, or metadata only). */
      readonly fingerprint: string | undefined;
      /** True when the fingerprint is that of a version in the ledger. */
      readonly isKnown: boolean;
    };

export type TargetAction =
  /** Find out what is there, then decide again. */
  | { readonly do: 'look' }
  /** All is as desired; record it as observed. `how` says what that rests on. */
  | {
      readonly do: 'record';
      readonly backendVersion: BackendVersion | undefined;
      readonly how: 'value' | 'metadata' | 'none';
    }
  | { readonly do: 'create' }
  /** Write the desired content; with `expected` by compare-and-set. `mark` puts our marker there first. */
  | {
      readonly do: 'put';
      readonly expected: BackendVersion | undefined;
      readonly mark: boolean;
      readonly lost: string | undefined;
    }
  /** Equal content that is not ours becomes ours. */
  | { readonly do: 'adopt'; readonly backendVersion: BackendVersion | undefined }
  | { readonly do: 'hide'; readonly backendVersion: BackendVersion }
  | { readonly do: 'unhide'; readonly backendVersion: BackendVersion }
  | { readonly do: 'purge' }
  /** Nothing of ours is there any more, or ever was: the target ends. */
  | { readonly do: 'end' }
  /** Stop, and say why. */
  | {
      readonly do: 'stop';
      readonly status: 'drifted' | 'missing' | 'foreign' | 'blocked' | 'paused';
      readonly reason: StopReason;
      readonly fingerprint?: string;
    };

export type StopReason =
  | 'not_ours'
  | 'differs_from_adopted'
  | 'changed_at_target'
  | 'removed_at_target'
  | 'hidden_at_target'
  | 'cannot_hide'
  | 'restored';

/**
 * Decides the next step for one target. Pure and total: called with what the ledger says, and again with what was seen
 * once it has asked to look. Newest wins; nothing that is not ours is touched; what is equal is not written.
 */
export function decide(state: TargetState, view?: TargetView): TargetAction {
  if (state.desired.presence === 'absent') return decideAbsent(state, view);
  if (!view) return decideUnseen(state);
  if (!view.exists) return decideMissing(state);
  if (!isOurs(state, view)) return decideForeign(state, view);
  if (state.mayBeRestored && view.fingerprint !== undefined && !view.isKnown)
    return stop('paused', 'restored', view.fingerprint);
  return state.desired.presence === 'hidden' ? decideHidden(state, view) : decidePresent(state, view);
}

type Seen = Extract<TargetView, { exists: true }>;

/** Removing needs both: it is in our ledger, and it carries our marker where the vault can hold one. */
function decideAbsent(state: TargetState, view: TargetView | undefined): TargetAction {
  if (!state.isOwned && !state.mayHaveWritten) return { do: 'end' };
  if (!view) return { do: 'look' };
  if (!view.exists) return { do: 'end' };
  if (isOurs(state, view)) return { do: 'purge' };
  return state.isOwned ? stop('foreign', 'not_ours') : { do: 'end' };
}

function decideUnseen(state: TargetState): TargetAction {
  const { desired, observed, can } = state;
  if (state.mustLook || state.mayHaveWritten) return { do: 'look' };
  if (!state.isOwned) return desired.presence === 'present' ? { do: 'create' } : { do: 'look' };
  if (isAsDesired(state)) return { do: 'record', backendVersion: observed.backendVersion ?? undefined, how: 'none' };
  const writes = desired.presence === 'present' && observed.fingerprint !== desired.fingerprint;
  if (writes && can.compareAndSet && observed.backendVersion !== null && observed.presence !== 'unknown')
    return { do: 'put', expected: observed.backendVersion, mark: false, lost: undefined };
  return { do: 'look' };
}

/** Gone at the target although it should be there. */
function decideMissing(state: TargetState): TargetAction {
  if (state.desired.presence === 'hidden') return { do: 'record', backendVersion: undefined, how: 'metadata' };
  const isDrift = state.isOwned && isAsDesired(state) && !state.repairs;
  return isDrift ? stop('missing', 'removed_at_target') : { do: 'create' };
}

function decideForeign(state: TargetState, view: Seen): TargetAction {
  if (state.isOwned) return stop('foreign', 'not_ours');
  if (state.desired.presence === 'hidden') return stop('foreign', 'not_ours');
  if (state.onConflict === 'overwrite')
    return { do: 'put', expected: casVersion(state, view), mark: true, lost: view.fingerprint };
  if (state.onConflict === 'fail') return stop('foreign', 'not_ours');
  if (view.fingerprint !== undefined && view.fingerprint === state.desired.fingerprint)
    return { do: 'adopt', backendVersion: view.version };
  return stop('foreign', 'differs_from_adopted');
}

function decidePresent(state: TargetState, view: Seen): TargetAction {
  const { desired, observed } = state;
  if (view.fingerprint === desired.fingerprint) return { do: 'record', backendVersion: view.version, how: 'value' };
  if (view.fingerprint === undefined) return decideUnreadable(state, view);
  const isUnchanged = view.fingerprint === observed.fingerprint;
  const isDrift = !isUnchanged && state.isOwned && isAsDesired(state);
  if (isDrift && !state.repairs) return stop('drifted', 'changed_at_target', view.fingerprint);
  return {
    do: 'put',
    expected: casVersion(state, view),
    mark: false,
    lost: isUnchanged ? undefined : view.fingerprint,
  };
}

/** The object is there and its current version cannot be read: hidden, or never written beyond its metadata. */
function decideUnreadable(state: TargetState, view: Seen): TargetAction {
  const { desired, observed } = state;
  if (view.version === undefined) return { do: 'create' };
  const holdsDesired = view.version === observed.backendVersion && observed.fingerprint === desired.fingerprint;
  if (holdsDesired && observed.presence === 'hidden') return { do: 'unhide', backendVersion: view.version };
  if (isAsDesired(state) && !state.repairs) return stop('drifted', 'hidden_at_target');
  return { do: 'put', expected: casVersion(state, view), mark: false, lost: undefined };
}

function decideHidden(state: TargetState, view: Seen): TargetAction {
  if (view.fingerprint === undefined) return { do: 'record', backendVersion: view.version, how: 'metadata' };
  if (!state.can.softDelete || view.version === undefined) return stop('blocked', 'cannot_hide');
  return { do: 'hide', backendVersion: view.version };
}

/** With a marker the vault proves it; without, our ledger must, and an attempt of ours that nobody confirmed. */
function isOurs(state: TargetState, view: Seen): boolean {
  if (view.marker === 'ours') return true;
  if (view.marker === 'foreign' || state.can.metadata) return false;
  return state.isOwned || (state.mayHaveWritten && view.fingerprint === state.desired.fingerprint);
}

function isAsDesired({ desired, observed }: TargetState): boolean {
  return (
    observed.version === desired.version &&
    observed.fingerprint === desired.fingerprint &&
    observed.presence === desired.presence
  );
}

function casVersion(state: TargetState, view: Seen): BackendVersion | undefined {
  return state.can.compareAndSet ? view.version : undefined;
}

function stop(
  status: Extract<TargetAction, { do: 'stop' }>['status'],
  reason: StopReason,
  fingerprint?: string,
): TargetAction {
  return { do: 'stop', status, reason, ...(fingerprint === undefined ? {} : { fingerprint }) };
}
