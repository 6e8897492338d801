import type { SyncTargetEntity, TargetStatus } from './sync-target.entity.js';
import { AT_SOURCE } from './target-failure.policy.js';

/** One link of the chain: what stands in the way, since when, and what to do about it. */
export type ExplainedCause = {
  readonly code: string;
  readonly cause: string;
  readonly action: string;
  readonly since: Date | null;
};

/** Why a target is not equal to its source, outermost cause first. */
export type TargetExplanation = {
  readonly profile: string;
  readonly status: TargetStatus;
  readonly isEqual: boolean;
  /** How that is known. */
  readonly verified: { readonly at: Date | null; readonly how: string };
  readonly causes: readonly ExplainedCause[];
  /** What mends the outermost cause. */
  readonly nextAction: string;
  readonly nextAttemptAt: Date | null;
};

/** What is known of a secret, as far as its copies depend on it. */
export type ExplainedSecret = {
  readonly state: string;
  readonly isDisabled: boolean;
  readonly sourceProfile: string;
  readonly drift: { readonly kind: string; readonly detectedAt: string } | null;
  /** The oldest change of it that waits for approval. */
  readonly waiting: { readonly id: string; readonly kind: string; readonly createdAt: Date } | null;
};

export type ExplainedFacts = {
  readonly secret: ExplainedSecret;
  readonly profile: { readonly name: string; readonly isEnabled: boolean };
  readonly target: SyncTargetEntity;
  /** The database may be older than the vaults, and nobody has accepted it yet. */
  readonly isReplicationPaused: boolean;
  /** Targets of the profile with the same error, and all of them. */
  readonly alike: { readonly failing: number; readonly all: number };
  readonly now: Date;
};

const NOTHING = 'Nothing; it goes on by itself.';

/** Errors of a vault as a whole, whichever secret it was asked for. */
const OF_THE_VAULT: ReadonlySet<string> = new Set([
  'VAULT_ADDRESS_DENIED',
  'VAULT_INTERNAL',
  'VAULT_MISCONFIGURED',
  'VAULT_QUOTA_EXCEEDED',
  'VAULT_SEALED',
  'VAULT_THROTTLED',
  'VAULT_TIMEOUT',
  'VAULT_UNAUTHENTICATED',
  'VAULT_UNAVAILABLE',
]);
/** Of a vault as a whole when nothing works there, else of a place. */
const OF_ALL: ReadonlySet<string> = new Set(['VAULT_PERMISSION_DENIED']);

/** The chain of causes. Pure: from what is known to words. */
export function explainTarget(facts: ExplainedFacts): TargetExplanation {
  const { target, profile } = facts;
  const isEqual = target.status === 'in_sync';
  const causes = [...aroundIt(facts), ...(isEqual ? [] : atIt(facts))];
  return {
    profile: profile.name,
    status: target.status,
    isEqual,
    verified: { at: target.verifiedAt, how: target.verifiedHow },
    causes,
    nextAction: causes[0]?.action ?? 'Nothing; the copy is equal.',
    nextAttemptAt: target.nextAttemptAt,
  };
}

/** What would keep any copy of this secret, or any copy in this profile, from becoming equal to what was asked for. */
function aroundIt({ secret, profile, isReplicationPaused, target }: ExplainedFacts): ExplainedCause[] {
  const causes: ExplainedCause[] = [];
  if (isReplicationPaused)
    causes.push({
      code: 'DATABASE_RESTORED',
      cause: 'Replication rests, because the database may be older than the vaults.',
      action: 'Compare, then accept the restored database.',
      since: null,
    });
  if (secret.isDisabled)
    causes.push({
      code: 'SECRET_DISABLED',
      cause: 'The secret is disabled, and its copies rest with it.',
      action: 'Enable the secret.',
      since: null,
    });
  if (!profile.isEnabled)
    causes.push({
      code: 'VAULT_PROFILE_DISABLED',
      cause: `The vault profile ${profile.name} is disabled.`,
      action: 'Enable the vault profile.',
      since: null,
    });
  if (secret.drift && target.desiredPresence === 'present')
    causes.push({
      code: 'SOURCE_DRIFTED',
      cause: `The source ${secret.sourceProfile} does not hold what Claviger put there (${secret.drift.kind}).`,
      action: 'Adopt what the source holds, or overwrite it.',
      since: new Date(secret.drift.detectedAt),
    });
  if (secret.waiting)
    causes.push({
      code: 'CHANGE_WAITS',
      cause: `A change of the secret (${secret.waiting.kind}) waits for approval; until then the copies keep what is current.`,
      action: `Have it decided: approval ${secret.waiting.id}.`,
      since: secret.waiting.createdAt,
    });
  return causes;
}

/** What stands in the way at the place itself. */
function atIt(facts: ExplainedFacts): ExplainedCause[] {
  const { target, alike, profile, now } = facts;
  const causes: ExplainedCause[] = [];
  const isRest = target.errorCode === 'SECRET_DISABLED' || target.errorCode === 'VAULT_PROFILE_DISABLED';
  if (isRest && !restsStill(facts)) causes.push(RESUMES);
  if (target.errorCode !== null && !isRest) {
    if (alike.failing > 1 && isOfVault(facts))
      causes.push({
        code: 'FAILS_ALIKE',
        cause: `${alike.failing} of ${alike.all} targets of ${profile.name} fail in the same way: it is the vault, not this secret.`,
        action: target.errorAction ?? NOTHING,
        since: null,
      });
    const times = target.attempts > 1 ? ` It was tried ${target.attempts} times.` : '';
    causes.push({
      code: target.errorCode,
      cause: `${target.errorCause ?? ''}${times}`,
      action: target.errorAction ?? NOTHING,
      since: target.drift ? new Date(target.drift.detectedAt) : null,
    });
  }
  if (target.unsettledUntil && target.unsettledUntil > now)
    causes.push({
      code: 'OUTCOME_UNKNOWN',
      cause: `A write had no answer, and may arrive until ${target.unsettledUntil.toISOString()}.`,
      action: 'Nothing; it is looked at after that.',
      since: null,
    });
  if (target.leaseUntil && target.leaseUntil > now)
    causes.push({ code: 'IN_PROGRESS', cause: 'It is being worked on.', action: NOTHING, since: null });
  else if (causes.length === 0 && !isRest) causes.push(waiting(target, now));
  return causes;
}

/** What it rested for is so no more, and no worker has come to it yet. */
const RESUMES: ExplainedCause = {
  code: 'RESUMES',
  cause: 'It rested while something was disabled that is enabled again.',
  action: 'Nothing; it goes on by itself within a minute. Sync the target to have it at once.',
  since: null,
};

function restsStill({ target, secret, profile }: ExplainedFacts): boolean {
  return target.errorCode === 'SECRET_DISABLED' ? secret.isDisabled : !profile.isEnabled;
}

function isOfVault({ target, alike }: ExplainedFacts): boolean {
  if (target.errorCause?.startsWith(AT_SOURCE)) return false;
  return OF_THE_VAULT.has(target.errorCode!) || (OF_ALL.has(target.errorCode!) && alike.failing === alike.all);
}

function waiting({ nextAttemptAt, desiredVersion, observedVersion }: SyncTargetEntity, now: Date): ExplainedCause {
  const gap = `It should hold version ${desiredVersion} and was last seen with ${observedVersion ?? 'none'}.`;
  if (nextAttemptAt && nextAttemptAt <= now)
    return {
      code: 'DUE',
      cause: `${gap} It is due.`,
      action: 'Nothing; a worker takes it next.',
      since: nextAttemptAt,
    };
  return { code: 'BEHIND', cause: gap, action: 'Sync the target to have it looked at now.', since: null };
}
