import { createHash } from 'node:crypto';
import type { TargetAction } from './reconcile.policy.js';
import type { Drift, Presence, SyncTargetEntity } from './sync-target.entity.js';
import { LANES } from './sync-target.entity.js';
import { describeStop, type TargetFailure } from './target-failure.policy.js';
import type { Settlement } from './target.repository.js';

/** What was done so far in an attempt at a target. */
export type Progress = {
  /** Something was sent whose effect is not recorded yet. */
  isOpen: boolean;
  /** Something was sent that had no answer, so that it may be carried out at any time still. */
  mayArrive: boolean;
  /** Something of the content was changed at the place. */
  hasWritten: boolean;
  /** Fingerprint of content that was not ours and was replaced. */
  lost: string | undefined;
};

/** What an outcome is told about its attempt. */
export type AttemptFacts = {
  readonly target: SyncTargetEntity;
  readonly now: Date;
  readonly epoch: string;
  /** What an earlier attempt sent could still arrive when this one began. */
  readonly mayArriveLate: boolean;
  readonly verifyIntervalMs: number;
};

type Action<Do extends TargetAction['do']> = Extract<TargetAction, { do: Do }>;

const NO_ERROR = { errorCode: null, errorCause: null, errorAction: null } as const;

/** The place is as desired. Where something may still arrive late it is looked at again as soon as it cannot. */
export function recorded(attempt: AttemptFacts, action: Action<'record'>, progress: Progress): Settlement {
  const { target, now, epoch, mayArriveLate, verifyIntervalMs } = attempt;
  return {
    facts: {
      observedVersion: target.desiredVersion,
      observedFingerprint: action.fingerprint,
      observedPresence: target.desiredPresence as Presence,
      observedBackendVersion: action.backendVersion ?? null,
      ownership: action.ownership,
      verifiedEpoch: epoch,
      ...(mayArriveLate ? {} : { unsettledUntil: null }),
      ...(action.how === 'none' ? {} : { verifiedAt: now, verifiedHow: action.how }),
      ...(progress.hasWritten ? { syncedAt: now } : {}),
      ...(progress.lost === undefined ? {} : { overwritten: { at: now.toISOString(), fingerprint: progress.lost } }),
    },
    verdict: {
      status: 'in_sync',
      ...NO_ERROR,
      attempts: 0,
      nextAttemptAt: null,
      drift: null,
      isLookDue: false,
      isRepairRequested: false,
      nextVerifyAt: mayArriveLate ? target.unsettledUntil : later(now, verifyIntervalMs),
    },
  };
}

const DRIFT_KINDS: Partial<Record<Action<'stop'>['reason'], Drift['kind']>> = {
  changed_at_target: 'content',
  removed_at_target: 'missing',
  hidden_at_target: 'hidden',
  shown_at_target: 'shown',
  restored: 'restored',
};

/** It waits for a person; whatever comes next begins with a look. */
export function stopped(attempt: AttemptFacts, action: Action<'stop'>): Settlement {
  const { target, now, verifyIntervalMs } = attempt;
  const { status, reason, fingerprint } = action;
  const kind = DRIFT_KINDS[reason];
  const isNews = target.drift?.kind !== kind || target.drift?.fingerprint !== fingerprint;
  return {
    facts: { verifiedAt: now, verifiedHow: fingerprint === undefined ? 'metadata' : 'value' },
    verdict: {
      ...failureColumns(describeStop(status, reason), now),
      attempts: 0,
      isLookDue: true,
      isRepairRequested: false,
      nextVerifyAt: later(now, verifyIntervalMs),
      ...(isNews ? { drift: kind === undefined ? null : driftOf(kind, now, fingerprint) } : {}),
    },
  };
}

/**
 * It did not work out. What was sent without an answer may be carried out until `lateUntil`; what was answered, and left
 * something there, was carried out by now.
 */
export function failed(
  attempt: Pick<AttemptFacts, 'target' | 'now' | 'verifyIntervalMs'> & { readonly lateUntil: Date },
  failure: TargetFailure,
  progress: Progress,
): Settlement {
  const { target, now, lateUntil, verifyIntervalMs } = attempt;
  return {
    facts: progress.isOpen
      ? { unsettledUntil: progress.mayArrive ? lateUntil : latest(target.unsettledUntil, now) }
      : {},
    verdict: {
      ...failureColumns(failure, now),
      attempts: target.attempts + 1,
      priority: LANES.retry,
      ...(failure.retryInMs === undefined ? { nextVerifyAt: later(now, verifyIntervalMs) } : {}),
    },
  };
}

/** Nothing was tried, for a reason that has nothing to do with the place. */
export function rested(failure: TargetFailure, now: Date): Settlement {
  return { facts: {}, verdict: failureColumns(failure, now) };
}

/** In [0, 1): the same for the same attempt at the same target, different for others. */
export function spreadOf({ secretId, profileId, attempts }: SyncTargetEntity): number {
  const digest = createHash('sha256').update(`${secretId}/${profileId}/${attempts}`).digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}

function failureColumns(failure: TargetFailure, now: Date): Partial<SyncTargetEntity> {
  return {
    status: failure.status,
    errorCode: failure.code,
    errorCause: failure.cause,
    errorAction: failure.action,
    nextAttemptAt: failure.retryInMs === undefined ? null : later(now, failure.retryInMs),
  };
}

function driftOf(kind: Drift['kind'], now: Date, fingerprint: string | undefined): Drift {
  return { detectedAt: now.toISOString(), kind, ...(fingerprint === undefined ? {} : { fingerprint }) };
}

/** What an earlier attempt sent may still arrive, whatever became of this one. */
function latest(earlier: Date | null, now: Date): Date {
  return earlier && earlier > now ? earlier : now;
}

function later(now: Date, ms: number): Date {
  return new Date(now.getTime() + ms);
}
