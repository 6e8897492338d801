/** Where a change stands. `pending_approval`, `approved`, `rejected` and `expired` are reached through the approval gate only. */
export const CHANGE_STATES = [
  'submitted',
  'pending_approval',
  'approved',
  'executing',
  'done',
  'failed',
  'abandoned',
  'rejected',
  'expired',
  'cancelled',
  'stale',
] as const;
export type ChangeState = (typeof CHANGE_STATES)[number];

/** Every allowed step; what is not listed is refused. */
export const CHANGE_TRANSITIONS: Readonly<Record<ChangeState, readonly ChangeState[]>> = {
  submitted: ['pending_approval', 'executing', 'cancelled', 'stale'],
  pending_approval: ['approved', 'rejected', 'expired', 'cancelled', 'stale'],
  approved: ['executing', 'cancelled', 'stale'],
  executing: ['done', 'failed', 'stale'],
  failed: ['executing', 'abandoned', 'cancelled'],
  done: [],
  abandoned: [],
  rejected: [],
  expired: [],
  cancelled: [],
  stale: [],
};

/** True when a change may go from one state to the other. */
export function canTransition(from: ChangeState, to: ChangeState): boolean {
  return CHANGE_TRANSITIONS[from].includes(to);
}

/** True when nothing can happen to the change any more, so that its payload must be gone. */
export function isEnded(state: ChangeState): boolean {
  return CHANGE_TRANSITIONS[state].length === 0;
}
