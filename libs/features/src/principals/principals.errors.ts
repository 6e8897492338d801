import { AppError, type PrincipalKind } from '@claviger/kernel';

/** One answer for an unknown name, a wrong password or secret, and for who is locked, disabled or has no password. */
export const loginRefused = (): AppError =>
  new AppError({
    code: 'LOGIN_REFUSED',
    kind: 'unauthenticated',
    message:
      'The name or the secret is wrong, or the log-in is not possible now: after several wrong passwords it rests for a while.',
  });

/** One answer for a wrong current password and for a user who is locked. */
export const currentPasswordRefused = (): AppError =>
  new AppError({
    code: 'CURRENT_PASSWORD_REFUSED',
    kind: 'forbidden',
    message:
      'The current password is wrong, or cannot be checked now: after several wrong passwords it rests for a while.',
  });

/** More log-ins are waiting than are worth waiting for. */
export const loginBusy = (): AppError =>
  new AppError({
    code: 'LOGIN_BUSY',
    kind: 'unavailable',
    message: 'Too many log-ins are being checked. Try again in a few seconds.',
    retryable: true,
  });

const WORDS: Readonly<Record<PrincipalKind | 'group', string>> = {
  user: 'user',
  'service-account': 'service account',
  group: 'group',
};

export const principalNotFound = (kind: PrincipalKind | 'group'): AppError =>
  new AppError({
    code: kind === 'group' ? 'GROUP_NOT_FOUND' : 'PRINCIPAL_NOT_FOUND',
    kind: 'not_found',
    message: `There is no ${WORDS[kind]} of this name.`,
  });

/** Users and service accounts share their names. */
export const principalExists = (name: string): AppError =>
  new AppError({
    code: 'PRINCIPAL_EXISTS',
    kind: 'conflict',
    message: `There is a user or service account named ${name} already. Choose another name.`,
    details: { name },
  });

export const groupExists = (name: string): AppError =>
  new AppError({
    code: 'GROUP_EXISTS',
    kind: 'conflict',
    message: `There is a group named ${name} already. Choose another name.`,
    details: { name },
  });

export const credentialNotFound = (): AppError =>
  new AppError({
    code: 'CREDENTIAL_NOT_FOUND',
    kind: 'not_found',
    message: 'The service account has no credential of this id.',
  });

/** What somebody may do must not grow by what they do for others. */
export const policiesExceedOwn = (): AppError =>
  new AppError({
    code: 'POLICIES_EXCEED_OWN',
    kind: 'forbidden',
    message:
      'This would give away policies that your own token does not have. Leave them out, or use a token with sudo on the path.',
  });

/** The `If-Match` that was sent is not the current one. */
export const staleMatch = (current: number): AppError =>
  new AppError({
    code: 'STALE_MATCH',
    kind: 'precondition',
    message: 'It was changed in the meantime. Read it again, then repeat your change.',
    details: { current },
  });

export const inputInvalid = (field: string, rule: string): AppError =>
  new AppError({ code: 'INPUT_INVALID', kind: 'invalid', message: `${field}: ${rule}.`, details: { field } });
