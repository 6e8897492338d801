/** What others may want to hear about. */
export const EVENT_TYPES = [
  'secret.created',
  'secret.updated',
  'secret.deleted',
  'secret.drifted',
  'secret.drift-resolved',
  'secret.source-changed',
  'secret.expiring',
  'secret.rotation-due',
  'target.blocked',
  'target.drifted',
  'target.recovered',
  'change.failed',
  'change.stale',
  'change.abandoned',
  'approval.requested',
  'approval.voted',
  'approval.due-soon',
  'approval.decided',
  'approval.break-glass',
  'approval.break-glass-reviewed',
  'plan.applied',
  'plan.failed',
  'compliance.broken',
  'compliance.mended',
  'compliance.blocked',
  'waiver.expiring',
  'report.ready',
  'report.failed',
  'report-schedule.failed',
  'webhook.disabled',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** What an event is about: the part before the dot. */
export const EVENT_NOUNS: readonly string[] = [...new Set(EVENT_TYPES.map((type) => type.split('.')[0]!))];
