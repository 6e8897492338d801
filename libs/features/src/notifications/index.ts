export { Deliverer } from './deliverer.js';
export { DELIVERY_STATES } from './delivery.entity.js';
export { DeliveryService, type DeliveryView } from './delivery.service.js';
export { EVENT_PATTERNS } from './event-filter.policy.js';
export { EVENT_TYPES, type EventType } from './event-types.js';
export { FanOut } from './fan-out.js';
export { MailSubscriptionService, type MailSubscriptionView } from './mail-subscription.service.js';
export { NOTIFICATIONS_ENTITIES } from './notifications.entities.js';
export * as notificationErrors from './notifications.errors.js';
export { REMOVE_OLD_DELIVERIES, SWEEP_NOTIFICATIONS } from './notifications.jobs.js';
export { NotificationsModule } from './notifications.module.js';
export { OutboxListeners, type HeardEvent } from './outbox-listeners.js';
export { Outbox, type NewEvent } from './outbox.js';
export {
  MAIL_SENDER,
  WEBHOOK_SENDER,
  type Mail,
  type MailAnswer,
  type MailSender,
  type WebhookAnswer,
  type WebhookPost,
  type WebhookSender,
} from './ports.js';
export { SUBSCRIPTION_LIMITS } from './subscription-input.policy.js';
export { SubscriptionsModule } from './subscriptions.module.js';
export { WebhookService, type WebhookView } from './webhook.service.js';
