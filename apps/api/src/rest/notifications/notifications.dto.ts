import { DELIVERY_STATES, EVENT_PATTERNS, EVENT_TYPES, SUBSCRIPTION_LIMITS } from '@claviger/features/notifications';
import { z } from 'zod';
import { instant } from '../../http/instant.js';
import { pageQuery } from '../../http/page.js';
import { EXAMPLE } from '../examples.js';

const L = SUBSCRIPTION_LIMITS;

/** Name of a webhook or mail subscription. */
export const subscriptionName = z.string().min(1).max(L.name);

/** What webhooks and mail subscriptions have in common. */
export const subscriptionSettings = {
  description: z.string().max(L.description),
  eventTypes: z
    .array(z.enum(EVENT_PATTERNS as [string, ...string[]]))
    .min(1)
    .max(EVENT_PATTERNS.length)
    .meta({ description: 'What it is told of: types, all of a noun (`approval.*`), or `*` for everything.' }),
  isEnabled: z
    .boolean()
    .meta({ description: 'Whether it is told at all; what waits is sent when it is enabled again.' }),
};

export const deliveryExample = {
  id: '01a1ff05-3b10-7c11-9d2e-1f2a3b4c5d6e',
  eventId: '01a1ff05-3a01-7b22-8c3d-2e3f4a5b6c7d',
  type: 'approval.requested',
  subjectId: EXAMPLE.changeId,
  state: 'pending',
  attempts: 1,
  nextAttemptAt: EXAMPLE.later,
  statusCode: 503,
  error: 'REFUSED',
  occurredAt: EXAMPLE.at,
  endedAt: null,
};

export const deliveryView = z
  .object({
    id: z.string().meta({ description: 'What the receiver knows it by, however often it is sent.' }),
    eventId: z.string(),
    type: z.string(),
    subjectId: z.string().nullable(),
    state: z.enum(DELIVERY_STATES),
    attempts: z.number().int(),
    nextAttemptAt: instant.nullable(),
    statusCode: z.number().int().nullable().meta({ description: 'What was answered last.' }),
    error: z.string().nullable().meta({ description: 'Why the last attempt failed, as a code.' }),
    occurredAt: instant,
    endedAt: instant.nullable(),
  })
  .meta({ id: 'NotificationDelivery', example: deliveryExample });

export const deliveryQuery = z.strictObject({
  ...pageQuery,
  state: z.enum(DELIVERY_STATES).optional().meta({ description: 'Only those in this state.' }),
  type: z.enum(EVENT_TYPES).optional().meta({ description: 'Only those of this type of event.' }),
});
