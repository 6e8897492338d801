import type { SyncTargetEntity, TargetStatus } from '@claviger/features/replication';
import type { SecretEntity } from './secret.entity.js';

/** What is known of the place that is to be a secret's source: a target of the secret until it is. */
export type Candidate = Pick<
  SyncTargetEntity,
  | 'desiredVersion'
  | 'desiredFingerprint'
  | 'desiredPresence'
  | 'observedVersion'
  | 'observedFingerprint'
  | 'observedPresence'
  | 'status'
  | 'attempts'
  | 'errorCode'
  | 'errorCause'
  | 'errorAction'
  | 'leaseOwner'
  | 'unsettledUntil'
  | 'isLookDue'
>;

export type CandidateVerdict =
  /** It holds the current version, nobody works on it, and nothing that was sent there may still arrive. */
  | { readonly is: 'equal' }
  /** It will be equal, or stop. */
  | { readonly is: 'waiting' }
  /** It does not become equal by itself. */
  | { readonly is: 'stopped'; readonly code: string; readonly cause: string; readonly action: string };

/** In these it waits for a person. */
const STOPPED: ReadonlySet<TargetStatus> = new Set(['drifted', 'missing', 'foreign', 'blocked', 'paused']);
/** After this many it takes longer than anybody wants to wait for an answer. */
const MAX_ATTEMPTS = 3;

/** Whether a target can be its secret's source now. Pure and total. */
export function judgeCandidate(
  target: Candidate | null,
  secret: Pick<SecretEntity, 'currentVersion' | 'currentFingerprint'>,
  now: Date,
): CandidateVerdict {
  if (!target || target.desiredPresence === 'absent' || target.desiredPresence === 'retained')
    return { is: 'stopped', ...REMOVED };
  if (target.desiredPresence === 'hidden') return { is: 'stopped', ...HIDDEN };
  if (STOPPED.has(target.status) || (target.status === 'retrying' && target.attempts >= MAX_ATTEMPTS)) {
    const { errorCode: code, errorCause: cause, errorAction: action } = target;
    return { is: 'stopped', code: code ?? 'UNKNOWN', cause: cause ?? '', action: action ?? '' };
  }
  // It would come over the content of a source, where nobody expects it, and nobody waits for more than a minute. Vaults that
  // compare and set too: a version is hidden without a condition, and where somebody has purged the place it is created anew.
  if (target.unsettledUntil !== null && target.unsettledUntil > now) return { is: 'stopped', ...LATE };
  const isAtRest = target.leaseOwner === null && !target.isLookDue;
  const isEqual = target.status === 'in_sync' && holdsCurrent(target, secret) && isAtRest;
  return { is: isEqual ? 'equal' : 'waiting' };
}

const REMOVED = {
  code: 'TARGET_NOT_FOUND',
  cause: 'The secret was taken from this profile meanwhile.',
  action: 'Ask for the change of source again.',
};
const LATE = {
  code: 'TARGET_MAY_RECEIVE_LATE_WRITE',
  cause: 'A write whose answer was lost may still arrive there.',
  action: 'Ask for the change of source again in two minutes.',
};
const HIDDEN = {
  code: 'VERSION_UNAVAILABLE',
  cause: 'The current version was deleted meanwhile.',
  action: 'Undelete it, or write a new version, first.',
};

function holdsCurrent(
  target: Candidate,
  { currentVersion, currentFingerprint }: Pick<SecretEntity, 'currentVersion' | 'currentFingerprint'>,
): boolean {
  const isDesired = target.desiredVersion === currentVersion && target.desiredFingerprint === currentFingerprint;
  const isObserved = target.observedVersion === currentVersion && target.observedFingerprint === currentFingerprint;
  return isDesired && isObserved && target.observedPresence === 'present';
}
