import type { RequestContext } from '@claviger/kernel';
import type { ExecutingChange } from './executing-change.js';
import type { GatedFacts } from './gated-kind.js';

/** What would happen at one vault. */
export type ReviewStep = {
  readonly profile: string;
  readonly role: 'source' | 'target';
  readonly action: 'create' | 'update' | 'no-op' | 'delete' | 'retain' | 'adopt' | 'conflict' | 'blocked';
  readonly reason: string;
};

/** How long a value is, and how hard to guess, as far as somebody may know who may not see it. */
export type ValueShape = {
  /** JSON pointer of the field. */
  readonly field: string;
  readonly change: 'added' | 'removed' | 'changed' | 'same';
  /** A class of lengths, as `16-23`; null where nothing is written. */
  readonly length: string | null;
  readonly entropy: 'low' | 'fair' | 'high' | null;
};

/** What one rule finds in a secret before and after a change. */
export type RuleReview = {
  readonly profile: string;
  readonly rule: string;
  readonly title: string;
  readonly severity: string;
  readonly mode: string;
  /** Null where the rule does not judge it. */
  readonly before: 'holds' | 'broken' | null;
  readonly after: 'holds' | 'broken' | null;
};

/** What an approver is shown of a change: never a value. */
export type ChangeReview = {
  readonly type: string | null;
  /** Attributes and settings before and after, by name; they are no secrets. */
  readonly settings: readonly { readonly name: string; readonly before: unknown; readonly after: unknown }[];
  /** The fields of the content, where the change writes one. */
  readonly values: readonly ValueShape[];
  readonly plan: readonly ReviewStep[];
};

/** The same with what rules find. */
export type JudgedReview = ChangeReview & { readonly rules: readonly RuleReview[] };

/**
 * Knows the world that changes of one kind of subject are about; every noun whose changes can wait for approval has one.
 */
export interface ChangeSubjectKeeper {
  /** As changes name it: `secret`, `vault-profile` … */
  readonly kind: string;
  /**
   * Everything that the outcome of the change depends on and that may differ between asking and executing: it is bound to
   * the approval. Plain JSON, without values. @throws AppError when what the change is about is gone
   */
  bind(ctx: RequestContext, changeKind: string, change: ExecutingChange): Promise<unknown>;
  /** What conditions of approval profiles see of it now; undefined where they see nothing, or it is not there. */
  facts?(ctx: RequestContext, change: ExecutingChange): Promise<GatedFacts | undefined>;
  /**
   * What the change would do at each vault, as far as the caller may know it; absent where nothing of the noun lies in a
   * vault. Talks to vaults; not in a transaction.
   */
  plan?(ctx: RequestContext, changeKind: string, change: ExecutingChange): Promise<ReviewStep[]>;
  /** What an approver is shown. Talks to vaults; not in a transaction. */
  review(ctx: RequestContext, changeKind: string, change: ExecutingChange): Promise<ChangeReview>;
}
