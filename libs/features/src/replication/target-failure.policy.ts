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
};

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 300_000;

/** How the cause begins of what failed at the source's vault, and not at the target's. */
export const AT_SOURCE = 'At the source: ';

/** `passes`: it goes away by itself, so trying again later helps; else a person must mend it first. */
type Meaning = { readonly passes: boolean; readonly cause: string; readonly action: string };

const passing = (cause: string, action: string): Meaning => ({ passes: true, cause, action });
const lasting = (cause: string, action: string): Meaning => ({ passes: false, cause, action });

const CONTENDED = passing('The place is being changed by somebody else.', 'Find out who else writes there.');

const MEANINGS: Readonly<Record<VaultErrorCode, Meaning>> = {
  THROTTLED: passing('The vault asks for fewer requests.', 'Nothing; it is tried again later.'),
  UNAVAILABLE: passing('The vault does not answer.', 'Check that the vault is running and can be reached.'),
  SEALED: passing('The vault is sealed.', 'Unseal the vault.'),
  TIMEOUT: passing('The vault did not answer in time.', 'Check the load of the vault.'),
  CANCELLED: passing('The work was interrupted.', 'Nothing; it is tried again.'),
  NOT_FOUND: CONTENDED,
  ALREADY_EXISTS: CONTENDED,
  VERSION_CONFLICT: CONTENDED,
  VERSION_NOT_FOUND: CONTENDED,
  VERSION_UNAVAILABLE: CONTENDED,
  IDEMPOTENCY_CONFLICT: CONTENDED,
  INTERNAL: passing('The vault answered in a way that was not understood.', 'Look into the log of the vault.'),
  UNAUTHENTICATED: lasting(
    'The credentials of the vault instance are refused.',
    'Give the vault instance new credentials.',
  ),
  PERMISSION_DENIED: lasting(
    'The credentials may not do this at the place.',
    'Extend the policy of the credentials at the vault, then sync the target.',
  ),
  MISCONFIGURED: lasting(
    'The vault profile does not fit the vault.',
    'Check the mount, its version and the address of the profile.',
  ),
  ADDRESS_DENIED: lasting(
    'The address of the vault may not be connected to.',
    'Change the address or the network rules.',
  ),
  INVALID_NAME: lasting('The vault does not accept the name.', 'Use another name template in the profile.'),
  INVALID_VALUE: lasting(
    'The vault would not give the content back equal.',
    'Change the content, or send numbers as strings.',
  ),
  TOO_LARGE: lasting(
    'The content is too large for the vault.',
    'Make the content smaller, or remove the sync profile.',
  ),
  QUOTA_EXCEEDED: lasting('A quota of the vault is used up.', 'Raise the quota at the vault, then sync the target.'),
  KEY_UNUSABLE: lasting(
    'The vault cannot use the key that it encrypts the object with.',
    'Enable the key, or let the credentials use it, then sync the target.',
  ),
  PENDING_DELETION: lasting(
    'The name is blocked by an object that waits for its deletion.',
    'Restore or purge that object at the vault, then sync the target.',
  ),
  UNSUPPORTED: lasting('The vault cannot do this.', 'Use a profile of a vault that can.'),
  INVALID_STATE: lasting(
    'The object at the vault is in a state that forbids this.',
    'Look at the object at the vault, then sync the target.',
  ),
};

type Words = { readonly cause: string; readonly action: string };

const STOPS: Readonly<Record<StopReason, Words>> = {
  not_ours: {
    cause: 'The place holds something that is not ours.',
    action: 'Remove it there and sync the target, or add the sync profile again with adopt-if-equal or overwrite.',
  },
  differs_from_adopted: {
    cause: 'The place holds other content, so it was not adopted.',
    action: 'Remove it there and sync the target, or add the sync profile again with overwrite.',
  },
  changed_at_target: {
    cause: 'Somebody changed the content at the target.',
    action: 'Sync the target to go over it, or set the profile to repair by itself.',
  },
  removed_at_target: {
    cause: 'Somebody removed the copy at the target.',
    action: 'Sync the target to write it again, or remove the sync profile.',
  },
  hidden_at_target: {
    cause: 'Somebody deleted the current version at the target.',
    action: 'Sync the target to bring it back.',
  },
  shown_at_target: {
    cause: 'Somebody brought the deleted version back at the target.',
    action: 'Sync the target to delete it there again.',
  },
  cannot_hide: {
    cause: 'The version is deleted at the source, and this vault cannot hide a version.',
    action: 'Remove the sync profile with purge, or undelete the version.',
  },
  restored: {
    cause: 'The place is not as this database remembers it: the database may be older than the vault.',
    action: 'Compare the two, then sync the target to go over what is there.',
  },
};

/** What stopping for this reason means for a person. */
export function describeStop(status: TargetStatus, reason: StopReason): TargetFailure {
  return { status, code: `TARGET_${reason.toUpperCase()}`, ...STOPS[reason], retryInMs: undefined };
}

/** A target that rests because its secret or its profile is disabled; enabling makes it go on. */
export function describeRest(what: 'secret' | 'profile'): TargetFailure {
  const name = what === 'secret' ? 'secret' : 'vault profile';
  return {
    status: 'paused',
    code: what === 'secret' ? 'SECRET_DISABLED' : 'VAULT_PROFILE_DISABLED',
    cause: `The ${name} is disabled.`,
    action: `Enable the ${name}.`,
    retryInMs: undefined,
  };
}

/** A target whose copy is gone while something that was sent earlier may still arrive and bring it back. */
export function describeWait(waitMs: number): TargetFailure {
  return {
    status: 'pending',
    code: 'TARGET_MAY_RECEIVE_LATE_WRITE',
    cause: 'The copy is gone, and a write whose answer was lost may still arrive.',
    action: 'Nothing; it is looked at again.',
    retryInMs: waitMs,
  };
}

/**
 * What a failure while working on a target means.
 * @param where whose vault failed
 * @param attempts that failed before this one
 * @param spread in [0, 1), different for targets that fail together, so that they do not come back together
 */
export function describeFailure(
  error: unknown,
  { where, attempts, spread }: { where: 'source' | 'target'; attempts: number; spread: number },
): TargetFailure {
  const prefix = where === 'source' ? AT_SOURCE : '';
  const backoffMs = backoff(attempts, spread);
  if (error instanceof VaultError) {
    const { passes, cause, action } = MEANINGS[error.vaultCode];
    return {
      status: passes ? 'retrying' : 'blocked',
      code: error.code,
      cause: prefix + cause,
      action,
      retryInMs: passes ? Math.max(error.retryAfterMs ?? 0, backoffMs) : undefined,
    };
  }
  if (error instanceof AppError)
    return {
      status: error.retryable ? 'retrying' : 'blocked',
      code: error.code,
      cause: prefix + error.message,
      action: where === 'source' ? 'Look at the secret: its source must be mended first.' : 'See the cause.',
      retryInMs: error.retryable ? backoffMs : undefined,
    };
  return {
    status: 'retrying',
    code: 'INTERNAL',
    cause: `${prefix}Something went wrong inside Claviger.`,
    action: 'Look into the log of Claviger.',
    retryInMs: backoffMs,
  };
}

/** Doubles from a second to five minutes, less a part of up to a half. */
function backoff(attempts: number, spread: number): number {
  const full = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts, 20));
  return Math.round(full * (1 - spread / 2));
}
