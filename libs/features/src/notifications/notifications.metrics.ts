import { METRICS, type StateReading } from '@claviger/platform/metrics';
import type { SubscriptionKind } from './subscription.entity.js';

const KINDS: readonly SubscriptionKind[] = ['webhook', 'mail'];

/** What monitoring is told of notifications. */
export const NOTIFICATION_READINGS: readonly StateReading[] = [
  {
    gauge: METRICS.gauge({
      name: 'claviger_outbox_age_seconds',
      help: 'How long the oldest event has waited to become deliveries; 0 when none waits.',
    }),
    sql: `select coalesce(extract(epoch from now() - min(created_at)), 0) as value from event`,
  },
  {
    gauge: METRICS.gauge({
      name: 'claviger_deliveries_overdue',
      help: 'Deliveries that are due and were not made.',
    }),
    sql: `select count(*) as value from notification_delivery where state = 'pending' and next_attempt_at < now()`,
  },
  {
    gauge: METRICS.gauge({
      name: 'claviger_subscriptions_failing',
      help: 'Webhooks and mail subscriptions whose last delivery failed, or that were disabled because of it.',
      labels: { kind: KINDS },
    }),
    sql: `
      select kinds.kind, count(s.id) as value from unnest(array['webhook', 'mail']) kinds (kind)
      left join notification_subscription s
        on s.kind = kinds.kind and (s.disabled_reason is not null or s.is_enabled and s.failing_since is not null)
      group by kinds.kind`,
  },
];
