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

/** Nobody, and no group, has the name that is to own the secret. */
export const ownerUnknown = (): AppError =>
  new AppError({
    code: 'OWNER_UNKNOWN',
    kind: 'invalid',
    message:
      'The owner is the name of no user, service account or group. Create it first, or leave the owner out. (It may come from the vault profile, as `defaultOwner`.)',
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
export type UnavailableReason = 'deleted' | 'destroyed' | 'pruned' | 'unversioned' | 'missing' | 'vault_removed';

const REASONS: Readonly<Record<UnavailableReason, string>> = {
  deleted: 'it was deleted and can be brought back with undelete',
  destroyed: 'it was destroyed',
  pruned: 'the vault no longer keeps it',
  unversioned: 'its vault keeps no old versions',
  missing: 'the vault has no such object any more',
  vault_removed: 'the vault profile that managed it was removed',
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
    message: `At profile ${profile} the name ${name} holds other content than yours, so it was not adopted. Ask for overwrite to replace it.`,
    details: { profile, name },
  });

export const vaultProfileDisabled = (profile: string): AppError =>
  new AppError({
    code: 'VAULT_PROFILE_DISABLED',
    kind: 'conflict',
    message: `The vault profile ${profile} is disabled. Enable it first.`,
    details: { profile },
  });

export const noDrift = (): AppError =>
  new AppError({
    code: 'NO_DRIFT',
    kind: 'conflict',
    message: 'No drift is recorded for this secret; there is nothing to resolve.',
  });

export const nothingToAdopt = (): AppError =>
  new AppError({
    code: 'NOTHING_TO_ADOPT',
    kind: 'conflict',
    message: 'The source holds no readable content any more. Overwrite the drift, or delete the secret.',
  });

export const contentOrGenerate = (): AppError =>
  new AppError({
    code: 'CONTENT_OR_GENERATE',
    kind: 'invalid',
    message: 'Give either content or generate, and not both.',
  });

/** A profile that a request names is not there, or goes by another name. */
export const vaultProfileUnknown = (profile: string): AppError =>
  new AppError({
    code: 'VAULT_PROFILE_UNKNOWN',
    kind: 'invalid',
    message: `There is no vault profile ${JSON.stringify(profile)}.`,
    details: { profile },
  });

export const syncProfileIsSource = (profile: string): AppError =>
  new AppError({
    code: 'SYNC_PROFILE_IS_SOURCE',
    kind: 'invalid',
    message: `The profile ${profile} is the secret's source; it cannot be a sync profile as well.`,
  });

/** @param size and limit in bytes of the content as JSON */
export const contentTooLarge = (profile: string, size: number, limit: number): AppError =>
  new AppError({
    code: 'CONTENT_TOO_LARGE',
    kind: 'too_large',
    message: `The content has ${size} bytes as JSON; the profile ${profile} takes at most ${limit}.`,
    details: { profile, size, limit },
  });

export const numberInexact = (profile: string, pointer: string): AppError =>
  new AppError({
    code: 'NUMBER_INEXACT',
    kind: 'invalid',
    message: `The number at ${pointer} would come back changed from the profile ${profile}, whose vault keeps numbers as doubles. Send it as a string.`,
    details: { profile, pointer },
  });

export const nameUnfit = (profile: string, name: string, rule: string): AppError =>
  new AppError({
    code: 'NAME_UNFIT',
    kind: 'invalid',
    message: `The name ${JSON.stringify(name)} does not fit the profile ${profile}: ${rule}.`,
    details: { profile, name, rule },
  });

/** Suddenly many deletions: somebody must look at it first. */
export const deleteFuseBlown = (limit: number, minutes: number): AppError =>
  new AppError({
    code: 'DELETE_FUSE_BLOWN',
    kind: 'conflict',
    message:
      `${limit} secrets and copies were deleted within ${minutes} minutes, so no more are. Look who does it; ` +
      'if that is meant, have the fuse lifted (update claviger/delete-fuse), or wait.',
    details: { limit, minutes },
    retryable: true,
  });

/** The approval profile of the secret's profile gates reading. */
export const readNeedsApproval = (): AppError =>
  new AppError({
    code: 'READ_NEEDS_APPROVAL',
    kind: 'forbidden',
    message:
      'Reading this content needs approval. Request it with POST …/read-requests; once approved, you may read that version once within 15 minutes.',
  });

/** What was to be adopted is not there, or nothing that can be read. */
export const nothingFound = (profile: string, name: string): AppError =>
  new AppError({
    code: 'NOTHING_FOUND',
    kind: 'conflict',
    message: `At profile ${profile} there is nothing readable under the name ${name}. Create it with a content of yours.`,
    details: { profile, name },
  });

/** What is to be adopted is what was shown, not what came after it. */
export const foundContentChanged = (profile: string, name: string): AppError =>
  new AppError({
    code: 'FOUND_CONTENT_CHANGED',
    kind: 'precondition',
    message: `What lies at profile ${profile} under the name ${name} has changed since it was looked at. Look again.`,
    details: { profile, name },
  });

/** The secret's source is another one than what was asked for was judged by. */
export const sourceChanged = (): AppError =>
  new AppError({
    code: 'SOURCE_CHANGED',
    kind: 'conflict',
    message:
      'Where the secret is managed or copied was changed in the meantime. Look at it, then make your change anew.',
  });

/** A profile that was to be the source does not hold what the secret does. `code` says why, as its target does. */
export const newSourceNotEqual = (
  profile: string,
  code: string,
  { cause, action }: { readonly cause: string; readonly action: string },
): AppError =>
  new AppError({
    code: 'NEW_SOURCE_NOT_EQUAL',
    kind: 'conflict',
    message: `The profile ${profile} does not hold what the secret does, so that the source stays where it is. ${cause} ${action}`,
    details: { profile, cause: code },
  });

/** It was written there, and cannot be read: a source has to be. */
export const newSourceUnreadable = (profile: string, cause: AppError): AppError =>
  new AppError({
    code: 'NEW_SOURCE_UNREADABLE',
    kind: 'conflict',
    message: `The content cannot be read at the profile ${profile}, so that the source stays where it is. ${cause.message}`,
    details: { profile, cause: cause.code },
    cause,
  });
