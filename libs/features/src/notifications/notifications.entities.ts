import { DeliveryEntity } from './delivery.entity.js';
import { SubscriptionEntity } from './subscription.entity.js';

/** The tables of this room but the outbox, which is written by statements alone. */
export const NOTIFICATIONS_ENTITIES = [DeliveryEntity, SubscriptionEntity];
