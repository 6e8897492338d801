export { NotificationsModule } from './notifications.module.js';
export { EVENT_TYPES, Outbox, type EventType } from './outbox.js';
