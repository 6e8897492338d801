import { Module } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { QueueModule } from '@claviger/platform/queue';
import { Deliverer } from './deliverer.js';
import { DeliveryRepository } from './delivery.repository.js';
import { DeliveryService } from './delivery.service.js';
import { FanOut } from './fan-out.js';
import { MailSubscriptionService } from './mail-subscription.service.js';
import { MessageSender } from './message-sender.js';
import { NOTIFICATION_JOBS } from './notifications.jobs.js';
import { NotificationsModule } from './notifications.module.js';
import { SigningSecrets } from './signing-secrets.js';
import { SubscriptionKeeper } from './subscription-keeper.js';
import { SubscriptionRepository } from './subscription.repository.js';
import { WebhookService } from './webhook.service.js';

/** Who is told about events, and the telling. Needs the two senders that the composition root provides. */
@Module({
  imports: [AccessModule, AuditModule, NotificationsModule, QueueModule.forFeature(...NOTIFICATION_JOBS)],
  providers: [
    Deliverer,
    DeliveryRepository,
    DeliveryService,
    FanOut,
    MailSubscriptionService,
    MessageSender,
    SigningSecrets,
    SubscriptionKeeper,
    SubscriptionRepository,
    WebhookService,
  ],
  exports: [Deliverer, DeliveryService, FanOut, MailSubscriptionService, WebhookService],
})
export class SubscriptionsModule {}
