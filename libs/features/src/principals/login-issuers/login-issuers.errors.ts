import { AppError } from '@claviger/kernel';

export const loginIssuerNotFound = (): AppError =>
  new AppError({
    code: 'LOGIN_ISSUER_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no login issuer of this name.',
  });

export const loginIssuerExists = (name: string): AppError =>
  new AppError({
    code: 'LOGIN_ISSUER_EXISTS',
    kind: 'conflict',
    message: `There is a login issuer named ${name} already. Choose another name.`,
    details: { name },
  });

/** It says nothing of who wanted to log in: whoever sends any token gets it while the keys are not there. */
export const loginIssuerUnavailable = (retryAfterMs: number, cause?: unknown): AppError =>
  new AppError({
    code: 'LOGIN_ISSUER_UNAVAILABLE',
    kind: 'unavailable',
    message: 'The keys of the login issuer cannot be fetched now. Try again in a few seconds; the log says why.',
    details: { retryAfterMs },
    retryable: true,
    cause,
  });

/** A subject stands for one principal, and a principal for one subject. */
export const loginLinkExists = (): AppError =>
  new AppError({
    code: 'LOGIN_LINK_EXISTS',
    kind: 'conflict',
    message:
      'The subject stands for another principal already, or the principal for another subject. Remove that link first.',
  });

export const loginLinkNotFound = (): AppError =>
  new AppError({
    code: 'LOGIN_LINK_NOT_FOUND',
    kind: 'not_found',
    message: 'No subject of this login issuer stands for a principal of this name.',
  });

/** For the log: why what an issuer publishes cannot be used. Quotes nothing of it. */
export const issuerDocumentUnusable = (rule: string, cause?: unknown): AppError =>
  new AppError({
    code: 'ISSUER_DOCUMENT_UNUSABLE',
    kind: 'unavailable',
    message: `What the login issuer publishes cannot be used: ${rule}.`,
    cause,
  });
