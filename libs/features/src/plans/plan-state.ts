/** Where a plan stands. */
export const PLAN_STATES = ['judging', 'ready', 'applying', 'applied', 'cancelled', 'expired', 'stale'] as const;
export type PlanState = (typeof PLAN_STATES)[number];

/** Every allowed step; what is not listed is refused. */
export const PLAN_TRANSITIONS: Readonly<Record<PlanState, readonly PlanState[]>> = {
  judging: ['ready', 'cancelled', 'expired'],
  ready: ['applying', 'cancelled', 'expired', 'stale'],
  applying: ['applied', 'cancelled'],
  applied: [],
  cancelled: [],
  expired: [],
  stale: [],
};

/** True when a plan may go from one state to the other. */
export function canMove(from: PlanState, to: PlanState): boolean {
  return PLAN_TRANSITIONS[from].includes(to);
}

/** The states that a plan may be in to go to this one. */
export function statesBefore(to: PlanState): PlanState[] {
  return PLAN_STATES.filter((from) => canMove(from, to));
}

/** True when nothing can happen to the plan any more, so that its values must be gone. */
export function isEnded(state: PlanState): boolean {
  return PLAN_TRANSITIONS[state].length === 0;
}

/**
 * What has become of one item. `open`: it was not applied yet. `done`, `pending_approval` and `executing` are where its change
 * stood when the plan was through with it; what became of the change since, the change tells.
 */
export const PLAN_ITEM_STATES = [
  'open',
  'done',
  'no-op',
  'pending_approval',
  'executing',
  'failed',
  'stale',
  'skipped',
] as const;
export type PlanItemState = (typeof PLAN_ITEM_STATES)[number];
