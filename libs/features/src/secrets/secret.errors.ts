import { AppError } from '@claviger/kernel';

/**
 * No secret of that id or name that the caller may see; the same answer for both. `refusal` says why not, to the audit
 * log alone.
 */
export const secretNotFound = (refusal?: unknown): AppError =>
  new AppError({
    code: 'SECRET_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no such secret, or you may not see it.',
    cause: refusal,
  });

export const secretExists = (profile: string, name: string): AppError =>
  new AppError({
    code: 'SECRET_EXISTS',
    kind: 'conflict',
    message: `The profile ${profile} has a secret named ${name} already.`,
    details: { profile, name },
  });

export const secretNotActive = (state: string): AppError =>
  new AppError({
    code: 'SECRET_NOT_ACTIVE',
    kind: 'conflict',
    message: `The secret is ${state}; only an active one can be read or changed.`,
    details: { state },
  });

export const secretDisabled = (): AppError =>
  new AppError({
    code: 'SECRET_DISABLED',
    kind: 'conflict',
    message: 'The secret is disabled. Enable it to read or change its content.',
  });

export const versionNotFound = (): AppError =>
  new AppError({ code: 'VERSION_NOT_FOUND', kind: 'not_found', message: 'The secret has no such version.' });

/** Why an old version cannot be read any more. */
export type UnavailableReason = 'deleted' | 'destroyed' | 'pruned' | 'unversioned' | 'missing';

const REASONS: Readonly<Record<UnavailableReason, string>> = {
  deleted: 'it was deleted and can be brought back with undelete',
  destroyed: 'it was destroyed',
  pruned: 'the vault no longer keeps it',
  unversioned: 'its vault keeps no old versions',
  missing: 'the vault has no such object any more',
};

export const versionUnavailable = (number: number, reason: UnavailableReason): AppError =>
  new AppError({
    code: 'VERSION_UNAVAILABLE',
    kind: 'gone',
    message: `Version ${number} cannot be read: ${REASONS[reason]}.`,
    details: { version: number, reason },
  });

export const sourceDrifted = (version: number): AppError =>
  new AppError({
    code: 'SOURCE_DRIFTED',
    kind: 'conflict',
    message: `The source vault no longer holds version ${version}: somebody changed it there. Adopt what it holds, or write the content anew.`,
    details: { version },
  });

/** The `If-Match` that was sent is not the current one. */
export const staleMatch = (current: number): AppError =>
  new AppError({
    code: 'STALE_MATCH',
    kind: 'precondition',
    message: 'The secret was changed in the meantime. Read it again, then repeat your change.',
    details: { current },
  });

/** The change was bound to a base that is not the current one any more; it must be made anew. */
export const changeStale = (): AppError =>
  new AppError({
    code: 'CHANGE_STALE',
    kind: 'precondition',
    message: 'The content at the source was changed in the meantime. Look at it, then make your change anew.',
  });

/** A vault holds something under that name that is not ours. */
export const placeOccupied = (profile: string, name: string): AppError =>
  new AppError({
    code: 'PLACE_OCCUPIED',
    kind: 'conflict',
    message: `At profile ${profile} the name ${name} holds something that is not ours. Choose another name, or ask for adopt-if-equal or overwrite.`,
    details: { profile, name },
  });

/** The object at the place of a secret is not the secret's any more, and so is not touched. */
export const notOurs = (profile: string, name: string): AppError =>
  new AppError({
    code: 'SOURCE_NOT_OURS',
    kind: 'conflict',
    message: `At profile ${profile} the name ${name} holds something that Claviger did not put there, so it is left alone. Resolve the drift first, or delete the secret with retain=true.`,
    details: { profile, name },
  });

export const placeDiffers = (profile: string, name: string): AppError =>
  new AppError({
    code: 'PLACE_DIFFERS',
    kind: 'conflict',
    message: `At profile ${profile} the name ${name} holds other content than yours, so it was not adopted.`,
    details: { profile, name },
  });

export const vaultProfileDisabled = (profile: string): AppError =>
  new AppError({
    code: 'VAULT_PROFILE_DISABLED',
    kind: 'conflict',
    message: `The vault profile ${profile} is disabled. Enable it first.`,
    details: { profile },
  });
