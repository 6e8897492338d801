import type { SecretValue } from '@claviger/kernel';
import type { Operation } from '@claviger/features/access';
import type { Requester } from './change.entity.js';
import type { GatedAs } from './gated-kind.js';

/** What a change is about, as rows and audit entries name it. */
export type ChangeSubject = { readonly kind: string; readonly id: string; readonly name: string };

/** An operation on a path that somebody must be allowed. */
export type Need = { readonly path: string; readonly operation: Operation };

/**
 * A change that was authorised and validated and may be executed. `parameters` hold no values; a value travels in
 * `payload` only, which is sealed wherever it is stored.
 */
export type PreparedChange<P = Record<string, unknown>> = {
  readonly subject: ChangeSubject;
  readonly secretId?: string;
  readonly baseVersion?: number;
  readonly parameters: P;
  readonly payload?: SecretValue<string>;
  readonly reason?: string;
  /** What the caller was judged by; whoever retries the change is judged by it again. */
  readonly needs: readonly Need[];
  /** As what the gate judges it. */
  readonly gatedAs: GatedAs;
  /** True when executing it touches nothing but Claviger's own database: then it is one transaction. */
  readonly isLocal: boolean;
};

/** A prepared change and its kind, ready to be submitted or previewed. */
export type Proposal<P = Record<string, unknown>> = { readonly kind: string; readonly change: PreparedChange<P> };

/** A prepared change that is being executed; `attempt` counts from 1 and is above 1 after a crash or a retry. */
export type ExecutingChange<P = Record<string, unknown>> = PreparedChange<P> & {
  readonly id: string;
  readonly attempt: number;
  /** An earlier attempt may have been carried out, in part or whole, without our knowing. */
  readonly isResumed: boolean;
  /** It waited for approval. */
  readonly wasHeld: boolean;
  readonly requestedBy: Requester;
};
