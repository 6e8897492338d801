import type { BackendVersion } from '@claviger/vaults/contract';
import type { ConflictPolicy, Ownership, Presence } from './sync-target.entity.js';

/** What a target should hold, what the ledger says it holds, and the rules that apply; nothing else decides. */
export type TargetState = {
  readonly desired: { readonly version: number; readonly fingerprint: string; readonly presence: Presence };
  readonly observed: {
    readonly version: number | null;
    readonly fingerprint: string | null;
    readonly presence: Presence | 'unknown';
    readonly backendVersion: BackendVersion | null;
  };
  /** How the ledger knows that what is there is ours; `none` while we have neither written nor adopted it. */
  readonly ownership: Ownership;
  /** An earlier attempt may have been carried out, in part or whole, without our knowing. */
  readonly mayHaveWritten: boolean;
  /** What that attempt sent may still be on its way. */
  readonly mayArriveLate: boolean;
  readonly onConflict: ConflictPolicy;
  /** Overwrite drift: by the profile's policy, or asked for. */
  readonly repairs: boolean;
  /** The ledger must be compared with the place before anything is written. */
  readonly mustLook: boolean;
  /** The database may be an older copy of itself: what differs from the ledger may be newer than the ledger. */
  readonly mayBeRestored: boolean;
  readonly can: { readonly compareAndSet: boolean; readonly softDelete: boolean; readonly metadata: boolean };
};

/** What is at the place now. */
export type Sighting =
  | { readonly exists: false }
  | {
      readonly exists: true;
      readonly marker: 'ours' | 'foreign' | 'unmarked';
      /** Of the newest version; undefined where the vault keeps no versions, or only metadata is there. */
      readonly version: BackendVersion | undefined;
      readonly content: SeenContent;
    };

export type SeenContent =
  /** `isKnown`: some version of the secret has this fingerprint. */
  | { readonly is: 'readable'; readonly fingerprint: string; readonly isKnown: boolean }
  /** Soft-deleted; the fingerprint is there when we hid it ourselves a moment ago. */
  | { readonly is: 'hidden'; readonly fingerprint?: string }
  | { readonly is: 'destroyed' }
  /** Metadata only: nothing was ever written. */
  | { readonly is: 'none' };

export type TargetAction =
  /** Find out what is there, then decide again. */
  | { readonly do: 'look' }
  /** All is as desired; record it as observed. `how` says what that rests on. */
  | {
      readonly do: 'record';
      readonly backendVersion: BackendVersion | undefined;
      /** Of what is there; null when that is not known, or nothing is. */
      readonly fingerprint: string | null;
      readonly ownership: Ownership;
      readonly how: 'value' | 'metadata' | 'none';
    }
  | { readonly do: 'create' }
  /** Write the desired content; with `expected` by compare-and-set. `marks` puts our marker there first. */
  | {
      readonly do: 'put';
      readonly expected: BackendVersion | undefined;
      readonly marks: boolean;
      /** Fingerprint of content that was never a version of the secret and is replaced. */
      readonly lost: string | undefined;
    }
  /** What is there is equal and only lacks our marker. */
  | { readonly do: 'adopt' }
  | { readonly do: 'hide'; readonly backendVersion: BackendVersion; readonly fingerprint: string }
  | { readonly do: 'unhide'; readonly backendVersion: BackendVersion }
  | { readonly do: 'purge' }
  /** Nothing of ours is there any more, or ever was: the target ends. */
  | { readonly do: 'end' }
  /** Nothing of ours is there, but something may still arrive: look again when it cannot any more. */
  | { readonly do: 'wait' }
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
  | 'shown_at_target'
  | 'cannot_hide'
  | 'restored';

type Seen = Extract<Sighting, { exists: true }>;

/**
 * Decides the next step for one target. Pure and total: called with what the ledger says, and again with what was seen
 * once it has asked to look. Newest wins; nothing that is not ours is touched; what is equal is not written.
 */
export function decide(state: TargetState, seen?: Sighting): TargetAction {
  if (!seen) return decideUnseen(state);
  const action = decideSeen(state, seen);
  if (!state.mayBeRestored || !REPLACES.has(action.do) || isAsLeft(state, seen)) return action;
  return stop('paused', 'restored', readableFingerprint(seen));
}

/** What is known once an action was carried out: from then on only looking tells how things stand. */
export function advance(state: TargetState, action: TargetAction): TargetState {
  const isOwning = action.do === 'create' || action.do === 'adopt' || action.do === 'put';
  const ownership = !isOwning ? state.ownership : state.can.metadata ? 'marker' : 'ledger';
  // What was adopted was as desired: what differs from it when we look again is somebody's change, not ours to undo.
  const { version, fingerprint } = state.desired;
  const adopted = { ...state.observed, version, fingerprint, presence: 'present' as const };
  const observed = action.do === 'adopt' ? adopted : state.observed;
  return { ...state, ownership, observed, mustLook: true, mayHaveWritten: true };
}

/** Actions after which what was there before is gone or out of sight. */
const REPLACES: ReadonlySet<TargetAction['do']> = new Set(['create', 'put', 'hide', 'purge']);

function decideUnseen(state: TargetState): TargetAction {
  const { desired, observed, can, ownership } = state;
  if (desired.presence === 'absent')
    return ownership === 'none' && !state.mayHaveWritten ? { do: 'end' } : { do: 'look' };
  if (state.mustLook || state.mayHaveWritten) return { do: 'look' };
  if (isAsDesired(state)) {
    const { backendVersion, fingerprint } = observed;
    return { do: 'record', backendVersion: backendVersion ?? undefined, fingerprint, ownership, how: 'none' };
  }
  if (ownership === 'none') return desired.presence === 'present' ? { do: 'create' } : { do: 'look' };
  const writes = desired.presence === 'present' && observed.fingerprint !== desired.fingerprint;
  const isMarked = ownership === 'marker' || !can.metadata;
  if (writes && isMarked && can.compareAndSet && observed.backendVersion !== null)
    return { do: 'put', expected: observed.backendVersion, marks: false, lost: undefined };
  return { do: 'look' };
}

function decideSeen(state: TargetState, seen: Sighting): TargetAction {
  if (state.desired.presence === 'absent') return decideAbsent(state, seen);
  if (!seen.exists) return decideMissing(state);
  if (!isOurs(state, seen)) return decideForeign(state, seen);
  return state.desired.presence === 'hidden' ? decideHidden(state, seen) : decidePresent(state, seen);
}

/** Removing needs both: it is in our ledger, and it carries our marker where the vault can hold one. */
function decideAbsent(state: TargetState, seen: Sighting): TargetAction {
  const ending: TargetAction = state.mayArriveLate ? { do: 'wait' } : { do: 'end' };
  if (!seen.exists || (state.ownership === 'none' && !state.mayHaveWritten)) return ending;
  if (!isOurs(state, seen)) return state.ownership === 'none' ? ending : stop('foreign', 'not_ours');
  // Without a marker only the content can tell whether it is still our object that would be removed.
  const isProven = seen.marker === 'ours' || !isUnknown(seen.content);
  if (!isProven && !state.repairs) return stop('drifted', 'changed_at_target', readableFingerprint(seen));
  return { do: 'purge' };
}

/** Nothing is there although something should be. */
function decideMissing(state: TargetState): TargetAction {
  const { desired, ownership } = state;
  if (desired.presence === 'hidden')
    return { do: 'record', backendVersion: undefined, fingerprint: null, ownership, how: 'metadata' };
  return isDrift(state) ? stop('missing', 'removed_at_target') : { do: 'create' };
}

function decideForeign(state: TargetState, seen: Seen): TargetAction {
  const { desired, onConflict } = state;
  if (state.ownership !== 'none' || desired.presence === 'hidden' || onConflict === 'fail')
    return stop('foreign', 'not_ours');
  const fingerprint = readableFingerprint(seen);
  if (fingerprint === desired.fingerprint) return { do: 'adopt' };
  if (onConflict === 'adopt-if-equal') return stop('foreign', 'differs_from_adopted');
  return put(state, seen, true);
}

function decidePresent(state: TargetState, seen: Seen): TargetAction {
  const { content } = seen;
  if (content.is === 'none') return put(state, seen, lacksMarker(state, seen));
  if (content.is !== 'readable') return decideUnreadable(state, seen);
  if (content.fingerprint === state.desired.fingerprint)
    return lacksMarker(state, seen) ? { do: 'adopt' } : recordSeen(state, seen, 'value');
  // An older version of ours, after an attempt without an outcome, is that attempt and nobody's change.
  const isOurOwnDoing = state.mayHaveWritten && content.isKnown;
  if (isDrift(state) && !isOurOwnDoing) return stop('drifted', 'changed_at_target', content.fingerprint);
  return put(state, seen, lacksMarker(state, seen));
}

/** The object is there and its newest version cannot be read. */
function decideUnreadable(state: TargetState, seen: Seen): TargetAction {
  const { desired, observed, can } = state;
  if (isDrift(state) && !state.mayHaveWritten) return stop('drifted', 'hidden_at_target');
  const holdsDesired = seen.version === observed.backendVersion && observed.fingerprint === desired.fingerprint;
  if (seen.content.is === 'hidden' && can.softDelete && seen.version !== undefined && holdsDesired)
    return { do: 'unhide', backendVersion: seen.version };
  return put(state, seen, lacksMarker(state, seen));
}

function decideHidden(state: TargetState, seen: Seen): TargetAction {
  if (seen.content.is !== 'readable') return recordSeen(state, seen, 'metadata');
  if (!state.can.softDelete || seen.version === undefined) return stop('blocked', 'cannot_hide');
  if (isDrift(state) && !state.mayHaveWritten) return stop('drifted', 'shown_at_target', seen.content.fingerprint);
  return { do: 'hide', backendVersion: seen.version, fingerprint: seen.content.fingerprint };
}

/** Where the vault holds markers, ours proves it; where it cannot, our ledger must, or content that only we have. */
function isOurs(state: TargetState, { marker, content }: Seen): boolean {
  const isKnown = content.is === 'readable' && content.isKnown;
  if (marker === 'foreign') return false;
  // Our marker at a copy that the ledger gave up, or never knew to be there, is no proof for content that is not ours.
  if (marker === 'ours') return state.ownership !== 'none' || !isUnknown(content);
  if (state.ownership === 'none') return state.mayHaveWritten && isKnown;
  return state.ownership === 'ledger' || !state.can.metadata || isKnown;
}

/** True when what is there is what the ledger last saw or now wants: then nobody has gone on without this ledger. */
function isAsLeft(state: TargetState, seen: Sighting): boolean {
  const { desired, observed } = state;
  if (!seen.exists)
    return state.ownership === 'none' || (observed.presence === 'hidden' && observed.backendVersion === null);
  const { content, version } = seen;
  if (content.is === 'none') return true;
  if (content.is !== 'readable') return version !== undefined && version === observed.backendVersion;
  if (content.fingerprint === desired.fingerprint || (state.mayHaveWritten && content.isKnown)) return true;
  const isSameVersion = version === undefined || version === observed.backendVersion;
  return isSameVersion && content.fingerprint === observed.fingerprint;
}

/** Nothing new is wanted, so that a difference is somebody else's doing, and nobody asked to undo it. */
function isDrift(state: TargetState): boolean {
  return state.ownership !== 'none' && isAsDesired(state) && !state.repairs;
}

function isAsDesired({ desired, observed }: TargetState): boolean {
  const isSame = observed.version === desired.version && observed.presence === desired.presence;
  return isSame && (desired.presence === 'hidden' || observed.fingerprint === desired.fingerprint);
}

function isUnknown(content: SeenContent): boolean {
  return content.is === 'readable' && !content.isKnown;
}

function lacksMarker(state: TargetState, seen: Seen): boolean {
  return state.can.metadata && seen.marker !== 'ours';
}

function readableFingerprint(seen: Sighting): string | undefined {
  return seen.exists && seen.content.is === 'readable' ? seen.content.fingerprint : undefined;
}

function put(state: TargetState, { version, content }: Seen, marks: boolean): TargetAction {
  return {
    do: 'put',
    expected: state.can.compareAndSet ? version : undefined,
    marks,
    lost: content.is === 'readable' && !content.isKnown ? content.fingerprint : undefined,
  };
}

function recordSeen(state: TargetState, { marker, version, content }: Seen, how: 'value' | 'metadata'): TargetAction {
  const { observed } = state;
  const ownership = marker === 'ours' ? 'marker' : state.ownership === 'none' ? 'ledger' : state.ownership;
  const isSameVersion = version !== undefined && version === observed.backendVersion;
  const given = content.is === 'readable' || content.is === 'hidden' ? content.fingerprint : undefined;
  const fingerprint = given ?? (isSameVersion ? observed.fingerprint : null);
  return { do: 'record', backendVersion: version, fingerprint, ownership, how };
}

function stop(
  status: Extract<TargetAction, { do: 'stop' }>['status'],
  reason: StopReason,
  fingerprint?: string,
): TargetAction {
  return { do: 'stop', status, reason, ...(fingerprint === undefined ? {} : { fingerprint }) };
}
