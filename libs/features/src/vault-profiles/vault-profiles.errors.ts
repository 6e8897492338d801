import { AppError } from '@claviger/kernel';
import type { CheckStatus, VaultCheck } from '@claviger/vaults/contract';

/** Names in a sentence: at most five, then how many more. */
function enumerate(names: readonly string[], count = names.length): string {
  const shown = names.slice(0, 5);
  const rest = count - shown.length;
  return shown.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

export const vaultKindUnknown = (kinds: readonly string[]): AppError =>
  new AppError({
    code: 'VAULT_KIND_UNKNOWN',
    kind: 'invalid',
    message: `There is no such kind of vault. Known are ${kinds.join(', ')}.`,
    details: { kinds },
  });

export const vaultInstanceNotFound = (): AppError =>
  new AppError({
    code: 'VAULT_INSTANCE_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no such vault instance, or you may not see it.',
  });

export const vaultProfileNotFound = (): AppError =>
  new AppError({
    code: 'VAULT_PROFILE_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no such vault profile, or you may not see it.',
  });

export const vaultInstanceExists = (name: string): AppError =>
  new AppError({
    code: 'VAULT_INSTANCE_EXISTS',
    kind: 'conflict',
    message: `There is a vault instance named ${name} already.`,
    details: { name },
  });

export const vaultProfileExists = (name: string): AppError =>
  new AppError({
    code: 'VAULT_PROFILE_EXISTS',
    kind: 'conflict',
    message: `There is a vault profile named ${name} already.`,
    details: { name },
  });

export const vaultInstanceInUse = (name: string, profiles: readonly string[]): AppError =>
  new AppError({
    code: 'VAULT_INSTANCE_IN_USE',
    kind: 'conflict',
    message: `The vault instance ${name} is used by the vault profiles ${enumerate(profiles)}. Remove them first.`,
    details: { profiles },
  });

/** What uses a profile: names of secrets, at most a few, and how many there are. */
export type ProfileUse = {
  readonly role: 'source' | 'target' | 'place';
  readonly count: number;
  readonly names: readonly string[];
};

const ROLES = { source: 'the source of', target: 'a target of', place: 'the place of' } as const;

/** @param purpose what was refused, for example `cannot be removed` */
export const vaultProfileInUse = (name: string, purpose: string, uses: readonly ProfileUse[]): AppError =>
  new AppError({
    code: 'VAULT_PROFILE_IN_USE',
    kind: 'conflict',
    message: `The vault profile ${name} ${purpose}: it is ${uses
      .map(({ role, names, count }) => `${ROLES[role]} ${enumerate(names, count)}`)
      .join('; ')}.`,
    details: { uses },
  });

/** The `If-Match` that was sent is not the current one, or somebody else was quicker. */
export const staleMatch = (what: string, current: number): AppError =>
  new AppError({
    code: 'STALE_MATCH',
    kind: 'precondition',
    message: `The ${what} was changed in the meantime. Read it again, then repeat your change.`,
    details: { current },
  });

export const credentialsRequired = (fields: readonly string[]): AppError =>
  new AppError({
    code: 'CREDENTIALS_REQUIRED',
    kind: 'invalid',
    message: `Give the credentials again: a change of ${fields.join(', ')} changes who receives them.`,
    details: { fields },
  });

const UNAVAILABLE: ReadonlySet<CheckStatus> = new Set(['sealed', 'unreachable']);

/** The live check did not find the vault ready; nothing was saved. */
export const vaultCheckFailed = ({ status, message, latencyMs }: VaultCheck): AppError =>
  new AppError({
    code: 'VAULT_CHECK_FAILED',
    kind: UNAVAILABLE.has(status) ? 'unavailable' : 'invalid',
    message: `The vault is not ready (${status}). ${message} Nothing was saved; with check=false it is saved all the same.`,
    details: { status, reason: message, latencyMs },
  });

/** The address now leads to another server than the one that holds secrets of these profiles. */
export const vaultServerChanged = (instance: string, profiles: readonly string[]): AppError =>
  new AppError({
    code: 'VAULT_SERVER_CHANGED',
    kind: 'conflict',
    message: `The vault instance ${instance} now reaches another server than the one that holds secrets of ${enumerate(profiles)}. Register the new server as an instance of its own.`,
    details: { profiles },
  });

/** Who holds a place; `store` when it belongs to another secret store, whose names are not told. */
export type PlaceOwner = { readonly profile: string; readonly secret: string } | 'another store';

/** @param isBeingEmptied the owner is being deleted, and its object may still be there */
export const placeTaken = (owner: PlaceOwner, isBeingEmptied: boolean): AppError => {
  const whose =
    owner === 'another store' ? 'another secret store' : `the secret ${owner.secret} (profile ${owner.profile})`;
  return new AppError({
    code: 'PLACE_TAKEN',
    kind: 'conflict',
    message: isBeingEmptied
      ? `That place in the vault is still being emptied: ${whose} is being deleted. Try again later.`
      : `That place in the vault belongs to ${whose}. Choose another name, mount or prefix.`,
    details: { isBeingEmptied, ...(owner === 'another store' ? {} : owner) },
    retryable: isBeingEmptied,
  });
};

/** The profile was pointed elsewhere between the request and its execution. */
export const vaultProfileMoved = (name: string): AppError =>
  new AppError({
    code: 'VAULT_PROFILE_MOVED',
    kind: 'conflict',
    message: `The vault profile ${name} was changed in the meantime. Try again.`,
    details: { profile: name },
    retryable: true,
  });

/** The approval profile that is to be assigned. */
export const approvalProfileUnknown = (): AppError =>
  new AppError({
    code: 'APPROVAL_PROFILE_UNKNOWN',
    kind: 'invalid',
    message: 'There is no approval profile of the name in approvalProfile. Create it first.',
  });
