import { AppError } from '@claviger/kernel';
import { VaultError, type VaultErrorCode } from '@claviger/vaults/contract';
import type { StopReason } from './reconcile.policy.js';
import type { TargetStatus } from './sync-target.entity.js';

/** Why a target is not equal, what to do about it, and when Claviger itself tries again (undefined: it waits for a person). */
export type TargetFailure = {
  readonly status: TargetStatus;
  readonly code: string;
  readonly cause: string;
  readonly action: string;
  readonly retryInMs: number | undefined;
  readonly outcomeUnknown: boolean;
};

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 300_000;

type Words = { readonly cause: string; readonly action: string };

/** Failures that pass by themselves. */
const PASSING: Partial<Record<VaultErrorCode, Words>> = {
  THROTTLED: { cause: 'The vault asks for fewer requests.', action: 'Nothing; it is tried again later.' },
  UNAVAILABLE: { cause: 'The vault does not answer.', action: 'Check that the vault is running and can be reached.' },
  SEALED: { cause: 'The vault is sealed.', action: 'Unseal the vault.' },
  TIMEOUT: { cause: 'The vault did not answer in time.', action: 'Check the load of the vault.' },
  CANCELLED: { cause: 'The work was interrupted.', action: 'Nothing; it is tried again.' },
  VERSION_CONFLICT: {
    cause: 'The place is being written by somebody else.',
    action: 'Find out who else writes there.',
  },
  INTERNAL: {
    cause: 'The vault answered in a way that was not understood.',
    action: 'Look into the log of the vault.',
  },
};

/** Failures that a person must mend; trying again would only repeat them. */
const LASTING: Partial<Record<VaultErrorCode, Words>> = {
  UNAUTHENTICATED: {
    cause: 'The credentials of the vault instance are refused.',
    action: 'Give the vault instance new credentials.',
  },
  PERMISSION_DENIED: {
    cause: 'The credentials may not do this at the place.',
    action: 'Extend the policy of the credentials at the vault.',
  },
  MISCONFIGURED: {
    cause: 'The vault profile does not fit the vault.',
    action: 'Check the mount, its version and the address of the profile.',
  },
  ADDRESS_DENIED: {
    cause: 'The address of the vault may not be connected to.',
    action: 'Change the address or the network rules.',
  },
  INVALID_NAME: { cause: 'The vault does not accept the name.', action: 'Use another name template in the profile.' },
  INVALID_VALUE: {
    cause: 'The vault would not give the content back equal.',
    action: 'Change the content, or send numbers as strings.',
  },
  TOO_LARGE: {
    cause: 'The content is too large for the vault.',
    action: 'Make the content smaller, or remove the sync profile.',
  },
  QUOTA_EXCEEDED: { cause: 'A quota of the vault is used up.', action: 'Raise the quota at the vault.' },
  PENDING_DELETION: {
    cause: 'The name is blocked by an object that waits for its deletion.',
    action: 'Restore or purge that object at the vault.',
  },
  UNSUPPORTED: { cause: 'The vault cannot do this.', action: 'Use a profile of a vault that can.' },
  INVALID_STATE: {
    cause: 'The object at the vault is in a state that forbids this.',
    action: 'Look at the object at the vault.',
  },
};

const STOPS: Readonly<Record<StopReason, Words>> = {
  not_ours: {
    cause: 'The place holds something that is not ours.',
    action: 'Remove it there, or add the sync profile again with adopt-if-equal or overwrite.',
  },
  differs_from_adopted: {
    cause: 'The place holds other content, so it was not adopted.',
    action: 'Remove it there, or add the sync profile again with overwrite.',
  },
  changed_at_target: {
    cause: 'Somebody changed the content at the target.',
    action: 'Sync the target to overwrite it, or set the profile to repair by itself.',
  },
  removed_at_target: {
    cause: 'Somebody removed the copy at the target.',
    action: 'Sync the target to write it again, or remove the sync profile.',
  },
  hidden_at_target: {
    cause: 'Somebody deleted the current version at the target.',
    action: 'Sync the target to write it again.',
  },
  cannot_hide: {
    cause: 'The version is deleted at the source, and this vault cannot hide a version.',
    action: 'Remove the sync profile with purge, or undelete the version.',
  },
  restored: {
    cause: 'The place holds content that no version knows: this database may be older than the vault.',
    action: 'Compare the two, then sync the target to overwrite it.',
  },
};

/** What stopping for this reason means for a person. */
export function describeStop(status: TargetStatus, reason: StopReason): TargetFailure {
  return {
    status,
    code: `TARGET_${reason.toUpperCase()}`,
    ...STOPS[reason],
    retryInMs: undefined,
    outcomeUnknown: false,
  };
}

/** What a failure while working on a target means. `where` tells whose vault failed; `random` is in [0, 1). */
export function describeFailure(
  error: unknown,
  {
    where,
    attempts,
    random,
  }: { readonly where: 'source' | 'target'; readonly attempts: number; readonly random: number },
): TargetFailure {
  const prefix = where === 'source' ? 'At the source: ' : '';
  const retryInMs = backoff(attempts, random);
  if (error instanceof VaultError) {
    const passing = PASSING[error.vaultCode];
    const words = passing ?? LASTING[error.vaultCode] ?? { cause: error.message, action: 'Look at the vault.' };
    return {
      status: passing ? 'retrying' : 'blocked',
      code: error.code,
      cause: prefix + words.cause,
      action: words.action,
      retryInMs: passing ? Math.max(error.retryAfterMs ?? 0, retryInMs) : undefined,
      outcomeUnknown: error.outcomeUnknown && where === 'target',
    };
  }
  if (error instanceof AppError)
    return {
      status: error.retryable ? 'retrying' : 'blocked',
      code: error.code,
      cause: prefix + error.message,
      action: where === 'source' ? 'Look at the secret: its source must be mended first.' : 'See the cause.',
      retryInMs: error.retryable ? retryInMs : undefined,
      outcomeUnknown: false,
    };
  return {
    status: 'retrying',
    code: 'INTERNAL',
    cause: `${prefix}Something went wrong inside Claviger.`,
    action: 'Look into the log of Claviger.',
    retryInMs,
    outcomeUnknown: where === 'target',
  };
}

/** Doubles from a second to five minutes, less a random part of up to a half. */
function backoff(attempts: number, random: number): number {
  const full = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts, 20));
  return Math.round(full * (1 - random / 2));
}
