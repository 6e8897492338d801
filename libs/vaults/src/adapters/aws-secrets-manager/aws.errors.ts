import { VaultError, type VaultErrorCode, type VaultErrorInit } from '@claviger/vaults/contract';
import type { AwsTask } from './aws.task.js';

type Row = {
  readonly code: VaultErrorCode;
  /** Follows the subject; says what to do where a person can do something. */
  readonly says: string;
  /** Whether a write that got this answer may have been applied. */
  readonly mayBeApplied?: boolean;
};

const REFUSED: Row = { code: 'UNAUTHENTICATED', says: 'AWS refuses the credentials; give valid ones' };
const EXPIRED: Row = { code: 'UNAUTHENTICATED', says: 'the session of the credentials has ended; give new ones' };
const DENIED: Row = { code: 'PERMISSION_DENIED', says: 'the credentials may not do this; extend their IAM policy' };
const THROTTLED: Row = { code: 'THROTTLED', says: 'AWS asks for fewer requests' };
const FAILED: Row = { code: 'UNAVAILABLE', says: 'AWS failed', mayBeApplied: true };
const MALFORMED: Row = { code: 'INVALID_VALUE', says: 'AWS does not accept the request' };
const NO_KEY: Row = {
  code: 'KEY_UNUSABLE',
  says: 'the KMS key cannot be used; check that it is enabled and that the credentials may use it',
};
const WRONG_TIME: Row = {
  code: 'UNAUTHENTICATED',
  says: 'AWS finds the time of the request wrong; set the clock of this machine',
};

/**
 * By the name of the error, which is what AWS documents; never by its text. Of Secrets Manager: "Common errors" and the
 * errors of each action; of STS, which uses other names for some.
 */
const BY_NAME: Readonly<Record<string, Row>> = {
  ResourceNotFoundException: { code: 'NOT_FOUND', says: 'it does not exist' },
  ResourceExistsException: { code: 'ALREADY_EXISTS', says: 'it exists already' },
  InvalidRequestException: {
    code: 'INVALID_STATE',
    says: 'the secret is in a state that forbids this (another service manages it, or it has replicas)',
  },
  LimitExceededException: { code: 'QUOTA_EXCEEDED', says: 'a quota of Secrets Manager is used up' },
  DecryptionFailure: NO_KEY,
  EncryptionFailure: NO_KEY,
  InvalidParameterException: MALFORMED,
  InvalidNextTokenException: MALFORMED,
  ValidationException: MALFORMED,
  ValidationError: MALFORMED,
  PreconditionNotMetException: MALFORMED,

  AccessDeniedException: DENIED,
  AccessDenied: DENIED,
  NotAuthorized: DENIED,
  OptInRequired: DENIED,

  UnrecognizedClientException: REFUSED,
  InvalidClientTokenId: REFUSED,
  InvalidSignatureException: REFUSED,
  SignatureDoesNotMatch: REFUSED,
  IncompleteSignature: REFUSED,
  IncompleteSignatureException: REFUSED,
  MissingAuthenticationToken: REFUSED,
  MissingAuthenticationTokenException: REFUSED,
  ExpiredToken: EXPIRED,
  ExpiredTokenException: EXPIRED,
  RequestExpired: WRONG_TIME,
  RequestTimeTooSkewed: WRONG_TIME,
  CredentialsProviderError: {
    code: 'UNAUTHENTICATED',
    says: 'the environment of Claviger gives no credentials; give it some, or register keys',
  },
  RegionDisabledException: {
    code: 'MISCONFIGURED',
    says: 'the Security Token Service is not activated for this region; activate it, or set stsEndpoint',
  },

  ThrottlingException: THROTTLED,
  Throttling: THROTTLED,
  ThrottledException: THROTTLED,
  RequestThrottled: THROTTLED,
  RequestThrottledException: THROTTLED,
  RequestLimitExceeded: THROTTLED,
  TooManyRequestsException: THROTTLED,
  BandwidthLimitExceeded: THROTTLED,
  SlowDown: THROTTLED,

  InternalServiceError: FAILED,
  InternalFailure: FAILED,
  InternalServerError: FAILED,
  ServiceUnavailable: FAILED,
  ServiceUnavailableException: FAILED,
};

/** What is known about the answer that an error was made of. */
export type AnswerFacts = { readonly status?: number; readonly retryAfterMs?: number };

/** The error for an answer of AWS, from the name that it gave. Says nothing else of the answer. */
export function answerError(task: AwsTask, name: string, facts: AnswerFacts, mutates: boolean): VaultError {
  const row = BY_NAME[name] ?? byStatus(facts.status);
  return awsError(task, row.code, row.says, {
    backendCode: /^[A-Za-z]{1,64}$/.test(name) ? name : 'unnamed',
    ...(facts.status === undefined ? {} : { httpStatus: facts.status }),
    ...(facts.retryAfterMs === undefined ? {} : { retryAfterMs: facts.retryAfterMs }),
    outcomeUnknown: mutates && row.mayBeApplied === true,
  });
}

function byStatus(status = 0): Row {
  if (status === 429) return THROTTLED;
  if (status === 401) return REFUSED;
  if (status === 403) return DENIED;
  if (status >= 500 || status === 408) return FAILED;
  return { code: 'INTERNAL', says: 'AWS answered in a way that Claviger does not know', mayBeApplied: true };
}

/** An answer that is not of AWS: of a proxy, a load balancer, another server. */
export class ForeignAnswer extends Error {
  constructor(readonly status: number) {
    super(`HTTP ${status} from something that is not AWS`);
    this.name = 'ForeignAnswer';
  }
}

/** The error for a {@link ForeignAnswer}. */
export function foreignError(task: AwsTask, facts: AnswerFacts, mutates: boolean): VaultError {
  const { status = 0, retryAfterMs } = facts;
  const init = { httpStatus: status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  if (status === 429) return awsError(task, 'THROTTLED', THROTTLED.says, init);
  if (status === 408 || status >= 500) {
    const says = `HTTP ${status} from something in front of AWS`;
    return awsError(task, 'UNAVAILABLE', says, { ...init, outcomeUnknown: mutates && status !== 501 });
  }
  return awsError(task, 'MISCONFIGURED', `HTTP ${status} from something that is not AWS; check the endpoint`, init);
}

export function awsError(
  task: Pick<AwsTask, 'operation' | 'subject'>,
  code: VaultErrorCode,
  says: string,
  more: Partial<
    Pick<VaultErrorInit, 'httpStatus' | 'retryAfterMs' | 'outcomeUnknown' | 'details' | 'backendCode'>
  > = {},
): VaultError {
  const message = `${task.subject}: ${says}.`;
  return new VaultError({ code, message, backend: AWS_KIND, operation: task.operation, ...more });
}

export const AWS_KIND = 'aws-secrets-manager';
