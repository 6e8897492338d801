import type { EventType } from '@claviger/features/notifications';
import type { SyncTargetEntity, TargetStatus, Trouble } from './sync-target.entity.js';

/** What somebody may want to hear about a target, and what is remembered of having told it. */
export type TargetNews = {
  readonly type: EventType & `target.${string}`;
  readonly told: Trouble | null;
};

const TROUBLES: Partial<Record<TargetStatus, Trouble>> = {
  drifted: 'drifted',
  missing: 'drifted',
  blocked: 'blocked',
  foreign: 'blocked',
  paused: 'paused',
};
/** Attempts that failed, about four minutes of them, after which a vault that does not answer is more than a hiccup. */
export const DELAYED_AFTER = 8;

/**
 * What is news about a target after an attempt: that it has come to be equal, each trouble once, however often it is tried
 * again, and that it is over. What is about to be tried, was tried in vain a few times or is equal as before, is no news. Pure.
 */
export function newsOf(
  { told, status: before }: Pick<SyncTargetEntity, 'told' | 'status'>,
  { status, errorCode, attempts = 0 }: Partial<Pick<SyncTargetEntity, 'status' | 'errorCode' | 'attempts'>>,
): TargetNews | undefined {
  if (status === 'in_sync') {
    if (told !== null) return { type: 'target.recovered', told: null };
    return before === 'in_sync' ? undefined : { type: 'target.synced', told: null };
  }
  // Of what rests, only this waits for somebody to look at it.
  const isRestored = status === 'paused' && errorCode === 'TARGET_RESTORED';
  const isDelayed = status === 'retrying' && attempts >= DELAYED_AFTER;
  const trouble = isRestored ? 'blocked' : isDelayed ? 'delayed' : status && TROUBLES[status];
  return !trouble || trouble === told ? undefined : { type: `target.${trouble}`, told: trouble };
}
