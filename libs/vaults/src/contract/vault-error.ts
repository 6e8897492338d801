import { AppError, type ErrorDetails, type ErrorKind } from '@claviger/kernel';

/**
 * Every way in which a vault can fail, the same for all backends. An adapter translates each error of its SDK or wire
 * into one of these at its border; nothing else ever leaves it.
 */
export const VAULT_ERROR_CODES = {
  /** No object of that name. */
  NOT_FOUND: 'not_found',
  /** The object exists, that version never did or was pruned. */
  VERSION_NOT_FOUND: 'not_found',
  /** The version exists but is soft-deleted, disabled or destroyed; `details.state` says which. */
  VERSION_UNAVAILABLE: 'gone',
  /** Create found something there already. */
  ALREADY_EXISTS: 'conflict',
  /** Compare-and-set: the current version is not the expected one. */
  VERSION_CONFLICT: 'conflict',
  /** The idempotency key was used before with other content. */
  IDEMPOTENCY_CONFLICT: 'conflict',
  /** The name is blocked by an object waiting for its deletion. */
  PENDING_DELETION: 'conflict',
  INVALID_NAME: 'invalid',
  /** The backend would not give this content back equal; `details.pointer` names the field. */
  INVALID_VALUE: 'invalid',
  TOO_LARGE: 'too_large',
  INVALID_STATE: 'conflict',
  /** The credentials are wrong, expired or revoked. */
  UNAUTHENTICATED: 'unavailable',
  /** The credentials are good but may not do this. */
  PERMISSION_DENIED: 'unavailable',
  THROTTLED: 'rate_limited',
  QUOTA_EXCEEDED: 'unavailable',
  /** The vault cannot use the key that it encrypts this object with: it is disabled, deleted, or not for these credentials. */
  KEY_UNUSABLE: 'unavailable',
  SEALED: 'unavailable',
  /** Not reachable, answered 5xx, or the circuit breaker is open. */
  UNAVAILABLE: 'unavailable',
  /** No answer before the deadline; whether a write was applied is unknown. */
  TIMEOUT: 'timeout',
  /** The caller gave up (its signal aborted). */
  CANCELLED: 'timeout',
  /** The configuration is wrong: no such mount, wrong flavour, bad CA, redirect to a host that is not listed. */
  MISCONFIGURED: 'invalid',
  /** The address is not one that Claviger may connect to. */
  ADDRESS_DENIED: 'invalid',
  /** The backend cannot do this at all; see its capabilities. */
  UNSUPPORTED: 'unsupported',
  INTERNAL: 'internal',
} as const satisfies Record<string, ErrorKind>;

export type VaultErrorCode = keyof typeof VAULT_ERROR_CODES;

/** Codes after which the same call may succeed later without a person doing anything. */
const RETRYABLE: ReadonlySet<VaultErrorCode> = new Set(['THROTTLED', 'SEALED', 'UNAVAILABLE', 'TIMEOUT']);

export type VaultErrorInit = {
  readonly code: VaultErrorCode;
  readonly message: string;
  /** Kind of vault, for example `kv`. */
  readonly backend: string;
  readonly operation: string;
  readonly httpStatus?: number;
  /** The backend's own error code where it has one; never its message text. */
  readonly backendCode?: string;
  /** How long the backend asked us to wait (Retry-After). */
  readonly retryAfterMs?: number;
  /** True when a write may or may not have been applied. */
  readonly outcomeUnknown?: boolean;
  readonly details?: ErrorDetails;
};

/** What an adapter throws. `code` is the taxonomy's name with the prefix `VAULT_`. Carries no value, token or upstream body. */
export class VaultError extends AppError {
  readonly vaultCode: VaultErrorCode;
  readonly backend: string;
  readonly operation: string;
  readonly httpStatus: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly outcomeUnknown: boolean;

  constructor(init: VaultErrorInit) {
    super({
      code: `VAULT_${init.code}`,
      kind: VAULT_ERROR_CODES[init.code],
      message: init.message,
      retryable: RETRYABLE.has(init.code),
      details: {
        ...init.details,
        backend: init.backend,
        operation: init.operation,
        ...(init.httpStatus === undefined ? {} : { httpStatus: init.httpStatus }),
        ...(init.backendCode === undefined ? {} : { backendCode: init.backendCode }),
        ...(init.retryAfterMs === undefined ? {} : { retryAfterMs: init.retryAfterMs }),
      },
    });
    this.name = 'VaultError';
    this.vaultCode = init.code;
    this.backend = init.backend;
    this.operation = init.operation;
    this.httpStatus = init.httpStatus;
    this.retryAfterMs = init.retryAfterMs;
    this.outcomeUnknown = init.outcomeUnknown ?? init.code === 'TIMEOUT';
  }
}

/** Codes that speak of the object asked for, and let others be read all the same. */
const ABOUT_ONE: ReadonlySet<VaultErrorCode> = new Set([
  'NOT_FOUND',
  'VERSION_NOT_FOUND',
  'VERSION_UNAVAILABLE',
  'PENDING_DELETION',
  'INVALID_NAME',
  'INVALID_VALUE',
  'INVALID_STATE',
  'TOO_LARGE',
  // Rights can be those of one object.
  'PERMISSION_DENIED',
  'KEY_UNUSABLE',
  'INTERNAL',
]);

/**
 * True when it may be that object alone which cannot be read. False for what would befall any other too, and for what
 * goes away by itself.
 */
export function isAboutOneObject({ vaultCode }: VaultError): boolean {
  return ABOUT_ONE.has(vaultCode);
}

/** True for a VaultError, optionally of one of the codes given. */
export function isVaultError(error: unknown, ...codes: readonly VaultErrorCode[]): error is VaultError {
  return error instanceof VaultError && (codes.length === 0 || codes.includes(error.vaultCode));
}
