import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import {
  DeliveryService,
  MailSubscriptionService,
  type DeliveryView,
  type MailSubscriptionView,
} from '@claviger/features/notifications';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { tagged } from '../tagged.js';
import { withoutUndefined } from '../without-undefined.js';
import { create, get, list, listDeliveries, remove, update } from './mail-subscriptions.dto.js';

@Controller('api/v1/mail-subscriptions')
export class MailSubscriptionsController {
  constructor(
    private readonly mail: MailSubscriptionService,
    private readonly deliveries: DeliveryService,
  ) {}

  @Endpoint(list)
  async list(
    @Context() ctx: RequestContext,
    @Input() { query }: InputOf<typeof list>,
  ): Promise<Page<MailSubscriptionView>> {
    const rows = await this.mail.list(ctx, query.limit + 1, fromCursor(query.cursor, z.string().max(128)));
    return toPage(rows, query.limit, ({ name }) => name);
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MailSubscriptionView> {
    const subscription = await this.mail.create(ctx, withoutUndefined(body));
    void reply.header('location', `/api/v1/mail-subscriptions/${subscription.name}`);
    return tagged(reply, subscription);
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { name } }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MailSubscriptionView> {
    return tagged(reply, await this.mail.get(ctx, name));
  }

  @Endpoint(update)
  async update(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, body, ifMatch }: InputOf<typeof update>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MailSubscriptionView> {
    return tagged(reply, await this.mail.update(ctx, name, withoutUndefined(body), ifMatch));
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, ifMatch }: InputOf<typeof remove>,
  ): Promise<void> {
    await this.mail.remove(ctx, name, ifMatch);
  }

  @Endpoint(listDeliveries)
  async listDeliveries(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, query: { limit, cursor, ...filter } }: InputOf<typeof listDeliveries>,
  ): Promise<Page<DeliveryView>> {
    const after = fromCursor(cursor, z.uuid());
    const query = withoutUndefined({ ...filter, limit: limit + 1, after });
    return toPage(await this.deliveries.list(ctx, 'mail', name, query), limit, ({ id }) => id);
  }
}
