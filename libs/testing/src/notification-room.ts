import { newId, type RequestContext } from '@claviger/kernel';
import type { AccessService } from '@claviger/features/access';
import { AUDIT_ENTITIES, AuditService } from '@claviger/features/audit';
import {
  NOTIFICATIONS_ENTITIES,
  Outbox,
  OutboxListeners,
  type Mail,
  type MailAnswer,
  type MailSender,
  type WebhookAnswer,
  type WebhookPost,
} from '@claviger/features/notifications';
import { loadConfig } from '@claviger/platform/config';
import type { Keyring } from '@claviger/platform/crypto';
import { Deliverer } from '../../features/src/notifications/deliverer.js';
import { DeliveryRepository } from '../../features/src/notifications/delivery.repository.js';
import { DeliveryService } from '../../features/src/notifications/delivery.service.js';
import { FanOut } from '../../features/src/notifications/fan-out.js';
import { MailSubscriptionService } from '../../features/src/notifications/mail-subscription.service.js';
import { MessageSender } from '../../features/src/notifications/message-sender.js';
import { SigningSecrets } from '../../features/src/notifications/signing-secrets.js';
import { SubscriptionKeeper } from '../../features/src/notifications/subscription-keeper.js';
import { SubscriptionRepository } from '../../features/src/notifications/subscription.repository.js';
import { WebhookService } from '../../features/src/notifications/webhook.service.js';
import { testContext, testKeyring } from './context.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { FakeClock } from './fake-clock.js';
import { captureLogs } from './log-capture.js';

// Not behind the door of libs/testing: whoever imports this loads the room.

/** The services of one worker. */
export type NotificationWorker = { readonly fanOut: FanOut; readonly deliverer: Deliverer };

/** Webhooks and mail over a real database, with receivers that answer as a test says. */
export class NotificationRoom {
  readonly clock = new FakeClock();
  readonly posted: WebhookPost[] = [];
  readonly mailed: Mail[] = [];
  /** What each receiver answers, asked at every post. */
  answer: (post: WebhookPost) => WebhookAnswer | Promise<WebhookAnswer> = () => ({ statusCode: 204 });
  mailAnswer: MailAnswer = { statusCode: 250 };
  hasMailServer = true;
  readonly outbox: Outbox;
  readonly ctx: RequestContext;
  readonly webhooks: WebhookService;
  readonly mail: MailSubscriptionService;
  readonly deliveries: DeliveryService;

  private constructor(
    readonly test: TestDatabase,
    private readonly keyring: Keyring,
  ) {
    const { database } = test;
    this.ctx = testContext({ storeId: keyring.rootStoreId });
    this.outbox = new Outbox(database);
    const subscriptions = new SubscriptionRepository(database);
    const access = { authorize: () => undefined } as unknown as AccessService;
    const keeper = new SubscriptionKeeper(subscriptions, access, new AuditService(database, keyring, this.clock));
    const secrets = new SigningSecrets(keyring, this.clock);
    this.webhooks = new WebhookService(database, subscriptions, keeper, secrets, this.#sender(), this.clock);
    this.mail = new MailSubscriptionService(database, subscriptions, keeper);
    this.deliveries = new DeliveryService(database, new DeliveryRepository(database), keeper, this.clock);
  }

  static async create(): Promise<NotificationRoom> {
    const test = await createTestDatabase([...NOTIFICATIONS_ENTITIES, ...AUDIT_ENTITIES]);
    return new NotificationRoom(test, await testKeyring(test.database));
  }

  /** One more worker on the same database. */
  worker(): NotificationWorker {
    const { database } = this.test;
    const [subscriptions, rows] = [new SubscriptionRepository(database), new DeliveryRepository(database)];
    const audit = new AuditService(database, this.keyring, this.clock);
    return {
      fanOut: new FanOut(database, subscriptions, rows, new OutboxListeners(), this.clock),
      deliverer: new Deliverer(
        ...([
          database,
          subscriptions,
          rows,
          this.#sender(),
          audit,
          this.outbox,
          captureLogs().logger,
          this.clock,
        ] as const),
      ),
    };
  }

  /** Everything that is due now, done by one worker. */
  async work(worker = this.worker()): Promise<void> {
    await worker.fanOut.run(this.ctx);
    await worker.deliverer.start(this.ctx);
    await worker.deliverer.settle();
  }

  /** Lets something happen; the id of what it happened to. */
  async happen(type: Parameters<Outbox['add']>[1] = 'secret.created', facts: object = {}): Promise<string> {
    const subject = newId();
    await this.outbox.add(this.ctx, type, subject, facts as Record<string, unknown>);
    return subject;
  }

  async rows(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.test.database.pool.query(sql, values)).rows as Record<string, unknown>[];
  }

  #sender(): MessageSender {
    const hasMailServer = (): boolean => this.hasMailServer;
    const mails: MailSender = {
      get isConfigured() {
        return hasMailServer();
      },
      send: (one) => Promise.resolve((this.mailed.push(one), this.mailAnswer)),
    };
    const webhooks = {
      post: async (one: WebhookPost) => {
        this.posted.push(one);
        return this.answer(one);
      },
    };
    const secrets = new SigningSecrets(this.keyring, this.clock);
    const rows = new DeliveryRepository(this.test.database);
    return new MessageSender(rows, secrets, webhooks, mails, loadConfig({}), this.clock);
  }
}
