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

/** In these it waits: for a person, or longer than anybody wants to wait for an answer. */
const STOPPED: ReadonlySet<TargetStatus> = new Set(['retrying', 'drifted', 'missing', 'foreign', 'blocked', 'paused']);

/** Whether a target can be its secret's source now. Pure and total. */
export function judgeCandidate(
  target: Candidate | null,
  secret: Pick<SecretEntity, 'currentVersion' | 'currentFingerprint'>,
  now: Date,
): CandidateVerdict {
  if (!target || target.desiredPresence === 'absent' || target.desiredPresence === 'retained')
    return { is: 'stopped', ...REMOVED };
  if (target.desiredPresence === 'hidden') return { is: 'stopped', ...HIDDEN };
  if (STOPPED.has(target.status)) {
    const { errorCode: code, errorCause: cause, errorAction: action } = target;
    return { is: 'stopped', code: code ?? 'UNKNOWN', cause: cause ?? '', action: action ?? '' };
  }
  const isEqual = target.status === 'in_sync' && holdsCurrent(target, secret) && isAtRest(target, now);
  return { is: isEqual ? 'equal' : 'waiting' };
}

const REMOVED = {
  code: 'TARGET_NOT_FOUND',
  cause: 'The secret was taken from this profile meanwhile.',
  action: 'Ask for the change of source again.',
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

/** A write whose answer was lost would come over the content of a source, where nobody expects it. */
function isAtRest({ leaseOwner, unsettledUntil, isLookDue }: Candidate, now: Date): boolean {
  return leaseOwner === null && !isLookDue && (unsettledUntil === null || unsettledUntil <= now);
}
