import { Global, Module } from '@nestjs/common';
import { MAIL_SENDER, WEBHOOK_SENDER } from '@claviger/features/notifications';
import { CONFIG, type Config } from '@claviger/platform/config';
import { createNetworkPolicy } from '@claviger/vaults/network';
import { NoMailSender, SmtpMailSender } from './mail-sender.js';
import { PinnedWebhookSender } from './webhook-sender.js';

/** How notifications leave the process. */
@Global()
@Module({
  providers: [
    {
      provide: WEBHOOK_SENDER,
      inject: [CONFIG],
      useFactory: ({ security: { networkAllow: allow, networkDeny: deny } }: Config) =>
        new PinnedWebhookSender(createNetworkPolicy({ allow, deny })),
    },
    {
      provide: MAIL_SENDER,
      inject: [CONFIG],
      useFactory: ({ notifications: { smtpUrl: url, mailFrom: from, smtpCaCertificates: caCertificates } }: Config) =>
        url === undefined ? new NoMailSender() : new SmtpMailSender({ url, from, caCertificates }),
    },
  ],
  exports: [MAIL_SENDER, WEBHOOK_SENDER],
})
export class SendersModule {}
