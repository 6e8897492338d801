import { AppError } from '@claviger/kernel';
import type { Operation } from './policy/index.js';

/** One answer for a token that never was, that ended, that was revoked or used up, and for one of a wrong form. */
export const tokenInvalid = (): AppError =>
  new AppError({
    code: 'TOKEN_INVALID',
    kind: 'unauthenticated',
    message: 'The token is not valid: it is unknown, has expired, was revoked or is used up. Get a new one.',
  });

/**
 * No policy of the token grants this. It quotes the path, so it must only be thrown for a path that the caller named or
 * may know; it says nothing about whether there is anything.
 */
export const accessDenied = (path: string, operation: Operation): AppError =>
  new AppError({
    code: 'ACCESS_DENIED',
    kind: 'forbidden',
    message: `No policy of this token grants ${operation} on "${path}". Ask for one that does.`,
    details: { path, operation },
  });

export const tokenNotFound = (): AppError =>
  new AppError({ code: 'TOKEN_NOT_FOUND', kind: 'not_found', message: 'There is no token with this accessor.' });

export const tokenNotRenewable = (why: string): AppError =>
  new AppError({ code: 'TOKEN_NOT_RENEWABLE', kind: 'conflict', message: `The token cannot be renewed: ${why}.` });

/** A token may not be made as it was asked for. */
export const tokenRefused = (code: string, message: string): AppError =>
  new AppError({ code, kind: 'forbidden', message });

export const inputInvalid = (field: string, rule: string): AppError =>
  new AppError({
    code: 'INPUT_INVALID',
    kind: 'invalid',
    message: `${field}: ${rule}.`,
    details: { field },
  });

export const policyNotFound = (): AppError =>
  new AppError({ code: 'POLICY_NOT_FOUND', kind: 'not_found', message: 'There is no policy of this name.' });

export const policyExists = (name: string): AppError =>
  new AppError({
    code: 'POLICY_EXISTS',
    kind: 'conflict',
    message: `There is a policy named ${name} already. Update it, or choose another name.`,
    details: { name },
  });

export const policyImmutable = (name: string): AppError =>
  new AppError({
    code: 'POLICY_IMMUTABLE',
    kind: 'conflict',
    message: `The policy ${name} comes with Claviger and cannot be changed. Write one of your own under another name.`,
    details: { name },
  });

/** The `If-Match` that was sent is not the current one, or somebody else was quicker. */
export const stalePolicy = (current: number): AppError =>
  new AppError({
    code: 'STALE_MATCH',
    kind: 'precondition',
    message: 'The policy was changed in the meantime. Read it again, then repeat your change.',
    details: { current },
  });

/** A stored policy that this version cannot read: its tokens are refused, because leaving it out could drop a `deny`. */
export const policyUnreadable = (name: string): AppError =>
  new AppError({
    code: 'POLICY_UNREADABLE',
    kind: 'internal',
    message: `The stored policy ${name} cannot be read by this version. Replace its text.`,
    details: { name },
  });
