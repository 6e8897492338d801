import type { TraceParent } from './trace-parent.js';

/**
 * Who acts. `policies` is what the token grants through; `rootId` names the identity at the root of the token's parent
 * chain, so that a child token counts as the person or service that made it.
 */
export type Actor = {
  /** `token` for a caller, `system` for a job of Claviger's own. */
  readonly type: 'token' | 'system';
  /** Id of the token, or the name of the job. */
  readonly id: string;
  readonly accessor?: string;
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly rootId: string;
  /** Whom the token belongs to; none for root tokens and orphans. */
  readonly principal?: PrincipalRef;
};

export type PrincipalKind = 'user' | 'service-account';

/** Whom a token belongs to, and the groups that they are in. */
export type PrincipalRef = {
  readonly id: string;
  readonly kind: PrincipalKind;
  readonly name: string;
  readonly groups: readonly { readonly id: string; readonly name: string }[];
};

/** An open database transaction. Opaque here: only platform/database makes and opens one. */
export interface Transaction {
  readonly isTransaction: true;
}

/**
 * One execution of a request that its caller may repeat (an idempotency key). Whatever it does once is bound to `id`, which
 * all executions of the request share.
 */
export type IdempotentAttempt = {
  readonly id: string;
  /** Names this execution among others of the same request. */
  readonly owner: string;
  /** Collects what the caller was allowed on the way: `operation path`. */
  readonly granted: Set<string>;
};

/**
 * Travels as the first argument through every service: who asks, for which store, under which request id, until when,
 * and inside which transaction (if any). Immutable; derive a new one to change a field.
 */
export type RequestContext = {
  readonly requestId: string;
  readonly storeId: string;
  readonly actor: Actor;
  /** Where the request came from, for the audit entry. */
  readonly remoteAddress?: string;
  /** Ids of the installations that the request came through, so that a loop of them is seen. */
  readonly hops?: readonly string[];
  readonly signal?: AbortSignal;
  readonly transaction?: Transaction;
  readonly attempt?: IdempotentAttempt;
  /** Where it stands in a trace, while traces are told. */
  readonly trace?: TraceParent;
};

/** A context for work that nobody asked for directly: sweeps, recovery, start-up. */
export function systemContext(init: {
  requestId: string;
  storeId: string;
  job: string;
  trace?: TraceParent | undefined;
}): RequestContext {
  return {
    ...(init.trace && { trace: init.trace }),
    requestId: init.requestId,
    storeId: init.storeId,
    actor: { type: 'system', id: init.job, displayName: init.job, policies: [], rootId: `system:${init.job}` },
  };
}
