import { VaultError, type VaultErrorCode, type VaultErrorInit } from '@claviger/vaults/contract';
import { parseRetryAfter } from '@claviger/vaults/network';
import type { KvAnswer, KvTask } from './kv.wire.js';

type Row = {
  readonly code: VaultErrorCode;
  /** Follows the subject; says what to do where a person can do something. */
  readonly says: string;
  /** Whether a write that got this answer may have been applied. */
  readonly mayBeApplied?: boolean;
};

/** Decided by status wherever the status decides (OpenBao and Vault have no error codes). */
const BY_STATUS: Readonly<Record<number, Row>> = {
  400: { code: 'INVALID_VALUE', says: 'the vault refused the request as invalid' },
  401: { code: 'UNAUTHENTICATED', says: 'the vault does not accept the credentials; renew them' },
  403: {
    code: 'PERMISSION_DENIED',
    says: 'the credentials may not do this; add the capability to their policy, and check mount and namespace',
  },
  404: {
    code: 'MISCONFIGURED',
    says: 'the vault knows no such mount, namespace or route; check mount, namespace and KV flavour',
  },
  405: { code: 'UNSUPPORTED', says: 'the vault does not support this operation here' },
  408: { code: 'UNAVAILABLE', says: 'the vault gave up waiting for the request' },
  412: { code: 'UNAVAILABLE', says: 'the node has not caught up with the cluster yet' },
  413: { code: 'TOO_LARGE', says: 'the vault refuses a request of this size' },
  415: { code: 'UNSUPPORTED', says: 'the vault does not support this operation here' },
  429: { code: 'THROTTLED', says: 'the vault refuses further requests for now (rate limit)' },
  472: { code: 'UNAVAILABLE', says: 'the node is a disaster-recovery secondary; use the address of the primary' },
  473: { code: 'UNAVAILABLE', says: 'the node is a performance standby that cannot answer' },
  501: { code: 'MISCONFIGURED', says: 'the server is not initialised as a vault; initialise it' },
  503: { code: 'UNAVAILABLE', says: 'the vault is not available now' },
};

/** The only places where one status means several things, and the text alone tells which (vault-wire, 10.4 and 10.9). */
const BY_TEXT: readonly (Row & { readonly status: number | undefined; readonly text: RegExp })[] = [
  {
    status: 400,
    text: /check-and-set parameter did not match|metadata check-and-set parameter does not match|metadata_cas must be 0/,
    code: 'VERSION_CONFLICT',
    says: 'the current version is not the expected one; read it again and decide',
  },
  {
    status: 400,
    text: /check-and-set parameter required/,
    code: 'INVALID_STATE',
    says: 'the mount or the secret demands compare-and-set for every write (cas_required)',
  },
  {
    status: 400,
    text: /^Upgrading from non-versioned/,
    code: 'UNAVAILABLE',
    says: 'the mount is being upgraded to version 2 and will be back shortly',
  },
  {
    status: 400,
    text: /exceeded maximum number of strings|high complexity/,
    code: 'TOO_LARGE',
    says: 'the content has too many strings for the vault',
  },
  {
    status: undefined,
    text: /value being too large/,
    code: 'TOO_LARGE',
    says: 'the content is larger than the vault’s storage takes',
  },
  { status: 503, text: /\bsealed\b/i, code: 'SEALED', says: 'the vault is sealed; unseal it' },
];

/** True when the answer says that compare-and-set did not hold. */
export function isVersionConflict(answer: KvAnswer): boolean {
  return rowOf(answer)?.code === 'VERSION_CONFLICT';
}

/** True when the mount demands compare-and-set and the request had none. */
export function isCasRequired(answer: KvAnswer): boolean {
  return rowOf(answer)?.code === 'INVALID_STATE';
}

/** The error for an answer that the operation has no use for. Says nothing of the body but what class it is of. */
export function answerError(task: KvTask, answer: KvAnswer, options: { mutates?: boolean } = {}): VaultError {
  const { status } = answer;
  const row = rowOf(answer) ?? unexpected(status);
  const retryAfterMs = parseRetryAfter(answer.headers['retry-after']);
  return kvError(task, row.code, row.says, {
    httpStatus: status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    outcomeUnknown: options.mutates === true && row.mayBeApplied === true,
  });
}

export function kvError(
  task: KvTask,
  code: VaultErrorCode,
  says: string,
  more: Partial<Pick<VaultErrorInit, 'httpStatus' | 'retryAfterMs' | 'outcomeUnknown' | 'details'>> = {},
): VaultError {
  const message = `${capitalise(task.subject)}: ${says}.`;
  return new VaultError({ code, message, backend: 'kv', operation: task.operation, ...more });
}

function rowOf(answer: KvAnswer): Row | undefined {
  if (answer.status < 300) return undefined;
  const texts = errorTexts(answer);
  if (texts === undefined) return isLoop(answer) ? LOOP : foreignAnswer(answer.status);
  const known = BY_TEXT.find(
    ({ status, text }) => (status ?? answer.status) === answer.status && texts.some((one) => text.test(one)),
  );
  return known ?? BY_STATUS[answer.status];
}

const LOOP: Row = {
  code: 'MISCONFIGURED',
  says: 'the address leads back to this Claviger itself; give that of a vault',
};

/** True for what Claviger refuses a request with that came from itself (the hop header). */
function isLoop({ status, body }: KvAnswer): boolean {
  return status === 400 && /"code":"VAULT_LOOP"/.test(body.reveal());
}

/** An answer without a vault's error body comes from something in front of it: a proxy, a load balancer, another server. */
function foreignAnswer(status: number): Row | undefined {
  if (status === 429) return BY_STATUS[429];
  if (status === 408 || status >= 500) {
    return {
      code: 'UNAVAILABLE',
      says: `HTTP ${status} from something in front of the vault`,
      mayBeApplied: status !== 501,
    };
  }
  return { code: 'MISCONFIGURED', says: `HTTP ${status} from something that is not a vault; check the address` };
}

function unexpected(status: number): Row {
  // A write that the other version of the engine took for one of its own: 204 in place of 200, or the reverse.
  if (status < 300)
    return { code: 'MISCONFIGURED', says: 'the answer is not that of this KV flavour', mayBeApplied: true };
  if (status >= 500) return { code: 'UNAVAILABLE', says: `the vault failed with HTTP ${status}`, mayBeApplied: true };
  return { code: 'MISCONFIGURED', says: `HTTP ${status}, which a vault does not answer with; check the address` };
}

/** The texts of a vault's error body; undefined when the body is not one. An empty 404 is one (a PATCH of nothing). */
export function errorTexts(answer: KvAnswer): readonly string[] | undefined {
  const text = answer.body.reveal();
  if (text === '') return answer.status === 404 ? [] : undefined;
  try {
    const parsed = JSON.parse(text) as { errors?: unknown; request_id?: unknown } | null;
    if (Array.isArray(parsed?.errors)) return parsed.errors.filter((one): one is string => typeof one === 'string');
    return typeof parsed?.request_id === 'string' ? [] : undefined;
  } catch {
    return undefined;
  }
}

/** Begins a sentence. An address stays as it was written. */
function capitalise(text: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\//.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
}
