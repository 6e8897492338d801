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
};

/**
 * What is news about a target after an attempt: each trouble once, however often it is tried again, and that it is over. What
 * is about to be tried, tried again by itself, or rests because somebody said so, is no news. Pure.
 */
export function newsOf(
  { told }: Pick<SyncTargetEntity, 'told'>,
  { status, errorCode }: Partial<Pick<SyncTargetEntity, 'status' | 'errorCode'>>,
): TargetNews | undefined {
  if (status === 'in_sync') return told === null ? undefined : { type: 'target.recovered', told: null };
  // Of what rests, only this waits for somebody to look at it.
  const isRestored = status === 'paused' && errorCode === 'TARGET_RESTORED';
  const trouble = isRestored ? 'blocked' : status && TROUBLES[status];
  return !trouble || trouble === told ? undefined : { type: `target.${trouble}`, told: trouble };
}
