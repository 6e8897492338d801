import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { DeliveryRepository, type Message } from './delivery.repository.js';
import { mailText } from './mail-text.js';
import { MAIL_SENDER, WEBHOOK_SENDER, type MailSender, type WebhookSender } from './ports.js';
import { SigningSecrets } from './signing-secrets.js';
import type { SubscriptionEntity, SubscriptionKind } from './subscription.entity.js';
import { signatureOf } from './webhook-signature.js';

/** What became of sending once. `gone`: the receiver wants nothing any more; `refused`: it will never take this one. */
export type SendOutcome = {
  readonly result: 'delivered' | 'gone' | 'refused' | 'failed';
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly retryAfterMs?: number | undefined;
};

/** Sends one event to one subscription, once. */
@Injectable()
export class MessageSender {
  constructor(
    private readonly deliveries: DeliveryRepository,
    private readonly secrets: SigningSecrets,
    @Inject(WEBHOOK_SENDER) private readonly webhooks: WebhookSender,
    @Inject(MAIL_SENDER) private readonly mails: MailSender,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** What can be sent now. */
  get kinds(): readonly SubscriptionKind[] {
    return this.mails.isConfigured ? ['webhook', 'mail'] : ['webhook'];
  }

  send(ctx: RequestContext, to: SubscriptionEntity, event: Message): Promise<SendOutcome> {
    return to.kind === 'webhook' ? this.#post(to, event) : this.#mail(ctx, to, event);
  }

  async #post(to: SubscriptionEntity, message: Message): Promise<SendOutcome> {
    const { id, eventId, type, subjectId, facts, occurredAt } = message;
    const body = JSON.stringify({ type, timestamp: occurredAt, data: { id: eventId, subjectId, facts } });
    // Of each attempt, because receivers refuse what is minutes old.
    const timestamp = Math.floor(this.clock.now().getTime() / 1_000);
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signatureOf({ id, timestamp, body }, this.secrets.open(to)),
    };
    const answer = await this.webhooks.post({ url: to.url!, caCertificate: to.caCertificate, headers, body });
    if ('error' in answer) return { result: 'failed', statusCode: null, error: answer.error };
    const { statusCode, retryAfterMs } = answer;
    if (statusCode >= 200 && statusCode < 300) return { result: 'delivered', statusCode, error: null };
    if (statusCode === 410) return { result: 'gone', statusCode, error: 'GONE' };
    return { result: 'failed', statusCode, error: 'REFUSED', retryAfterMs };
  }

  async #mail(ctx: RequestContext, to: SubscriptionEntity, event: Message): Promise<SendOutcome> {
    const name = event.subjectId === null ? undefined : await this.deliveries.subjectName(ctx, event.subjectId);
    const text = mailText(event, name, this.config.notifications.publicUrl);
    const answer = await this.mails.send({ ...text, id: event.id, to: to.address! });
    if (!('error' in answer)) return { result: 'delivered', statusCode: answer.statusCode, error: null };
    const { error, statusCode = null, isPermanent } = answer;
    return { result: isPermanent ? 'refused' : 'failed', statusCode, error };
  }
}
