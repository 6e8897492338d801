import { AppError } from '@claviger/kernel';

/** For the log: why the answer of a login issuer cannot be used. Quotes nothing of it. */
export const issuerAnswerUnusable = (rule: string): AppError =>
  new AppError({
    code: 'ISSUER_ANSWER_UNUSABLE',
    kind: 'unavailable',
    message: `The keys of the login issuer cannot be fetched: ${rule}.`,
  });
