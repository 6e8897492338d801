/**
 * Every place where a crash leaves work half done, in the order in which a write passes them. Tests kill the process
 * at each and check what the next start makes of it; a place that no test visits fails the run.
 */
export const FAULT_POINTS = [
  'change.submitted',
  'change.begun',
  'change.acting',
  'change.acted',
  'change.completing',
  'change.completed',
  'reconcile.claimed',
  'reconcile.source-read',
  'reconcile.marking',
  'reconcile.writing',
  'reconcile.written',
  'reconcile.recorded',
] as const;

/** The same for a change that waits for approval, from asking for it until it is being executed like any other. */
export const APPROVAL_FAULT_POINTS = [
  'approval.opening',
  'approval.opened',
  'approval.voting',
  'approval.voted',
  'approval.admitting',
  'approval.admitted',
] as const;

/** The same for a request with an idempotency key, from claiming the key until its answer is recorded. */
export const IDEMPOTENCY_FAULT_POINTS = [
  'idempotency.claimed',
  'idempotency.executed',
  'idempotency.recording',
  'idempotency.recorded',
] as const;

/** The same for a change of a secret's source, beside those of every change, after the new place was read and before it counts. */
export const SOURCE_FAULT_POINTS = ['source.established', 'source.switching'] as const;

/** Between telling somebody about an event and noting that they were told. */
export const NOTIFICATION_FAULT_POINTS = ['notification.sent'] as const;

/** The same for one item of a plan that is being applied. */
export const PLAN_FAULT_POINTS = ['plan.item-applying', 'plan.item-applied', 'plan.item-recorded'] as const;

/** The same for each step of the rotation of a key: before it is committed, and after. */
export const KEY_FAULT_POINTS = ['key-rotation.stepping', 'key-rotation.stepped'] as const;

/** The same for a day of the audit log that is dropped, and for old changes. */
export const RETENTION_FAULT_POINTS = [
  'audit.export-written',
  'audit.export-recorded',
  'audit.dropping',
  'audit.dropped',
  'change.export-written',
  'change.removing',
  'change.removed',
] as const;

/** While a report is being drawn, and before it is known to be. */
export const REPORT_FAULT_POINTS = ['report.drawing', 'report.finishing'] as const;

export type FaultPoint =
  | (typeof FAULT_POINTS)[number]
  | (typeof APPROVAL_FAULT_POINTS)[number]
  | (typeof IDEMPOTENCY_FAULT_POINTS)[number]
  | (typeof SOURCE_FAULT_POINTS)[number]
  | (typeof NOTIFICATION_FAULT_POINTS)[number]
  | (typeof PLAN_FAULT_POINTS)[number]
  | (typeof KEY_FAULT_POINTS)[number]
  | (typeof RETENTION_FAULT_POINTS)[number]
  | (typeof REPORT_FAULT_POINTS)[number];

let hook: ((point: FaultPoint) => void) | undefined;

/** Marks a place in the code. Does nothing unless a test has set a hook. */
export function faultPoint(point: FaultPoint): void {
  hook?.(point);
}

/** For tests only: called at every fault point that is reached, until it is set to undefined. */
export function setFaultHook(next: ((point: FaultPoint) => void) | undefined): void {
  hook = next;
}
