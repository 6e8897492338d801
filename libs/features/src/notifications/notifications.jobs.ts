import { defineJob, NO_RETRY } from '@claviger/platform/queue';
import { z } from 'zod';

/** Makes deliveries of new events, and sends what is due. */
export const SWEEP_NOTIFICATIONS = defineJob({
  name: 'notification.sweep',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

/** Removes deliveries that are old. */
export const REMOVE_OLD_DELIVERIES = defineJob({
  name: 'notification.remove-old',
  payload: z.object({}),
  retry: NO_RETRY,
  lane: 'sweep',
});

export const NOTIFICATION_JOBS = [SWEEP_NOTIFICATIONS, REMOVE_OLD_DELIVERIES];
