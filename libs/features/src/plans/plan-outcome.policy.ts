import type { AppError } from '@claviger/kernel';
import type { ChangeEntity, ChangeState } from '@claviger/features/changes';
import type { PlanItemState } from './plan-state.js';

/** What has become of an item. */
export type ItemOutcome = {
  readonly state: Exclude<PlanItemState, 'open'>;
  readonly code?: string | null;
  readonly message?: string | null;
  readonly changeId?: string;
  /** The secret that it was about, or made. */
  readonly secretId?: string | null;
};

/** Where an item stands by where its change stands. */
const BY_CHANGE: Readonly<Record<ChangeState, ItemOutcome['state']>> = {
  submitted: 'executing',
  pending_approval: 'pending_approval',
  approved: 'pending_approval',
  executing: 'executing',
  done: 'done',
  failed: 'failed',
  abandoned: 'failed',
  rejected: 'failed',
  expired: 'failed',
  cancelled: 'failed',
  stale: 'stale',
};

/** Errors which say that somebody else was faster. */
const STALE: ReadonlySet<string> = new Set(['STALE_MATCH', 'CHANGE_STALE', 'FOUND_CONTENT_CHANGED']);

/** The outcome of an item that made a change. */
export function outcomeOfChange(
  change: Pick<ChangeEntity, 'id' | 'state' | 'secretId' | 'errorCode' | 'errorMessage'>,
): ItemOutcome {
  const { id: changeId, state, secretId, errorCode: code, errorMessage: message } = change;
  return { state: BY_CHANGE[state], changeId, secretId, code, message };
}

/** The outcome of an item that was refused before it made one. */
export function outcomeOfError({ code, message }: AppError): ItemOutcome {
  return { state: STALE.has(code) ? 'stale' : 'failed', code, message };
}
