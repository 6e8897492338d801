import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { DeliveryService, WebhookService, type DeliveryView, type WebhookView } from '@claviger/features/notifications';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { tagged } from '../tagged.js';
import { withoutUndefined } from '../without-undefined.js';
import { create, get, list, listDeliveries, ping, remove, replay, rotateSecret, update } from './webhooks.dto.js';

type WithSecret = { readonly secret: string; readonly details: WebhookView };

@Controller('api/v1/webhooks')
export class WebhooksController {
  constructor(
    private readonly webhooks: WebhookService,
    private readonly deliveries: DeliveryService,
  ) {}

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<WebhookView>> {
    const rows = await this.webhooks.list(ctx, query.limit + 1, fromCursor(query.cursor, z.string().max(128)));
    return toPage(rows, query.limit, ({ name }) => name);
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WithSecret> {
    const { webhook: details, secret } = await this.webhooks.create(ctx, withoutUndefined(body));
    void reply.header('location', `/api/v1/webhooks/${details.name}`);
    return { secret: secret.reveal(), details };
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { name } }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WebhookView> {
    return tagged(reply, await this.webhooks.get(ctx, name));
  }

  @Endpoint(update)
  async update(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, body, ifMatch }: InputOf<typeof update>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WebhookView> {
    return tagged(reply, await this.webhooks.update(ctx, name, withoutUndefined(body), ifMatch));
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, ifMatch }: InputOf<typeof remove>,
  ): Promise<void> {
    await this.webhooks.remove(ctx, name, ifMatch);
  }

  @Endpoint(rotateSecret)
  async rotateSecret(
    @Context() ctx: RequestContext,
    @Input() { params: { name } }: InputOf<typeof rotateSecret>,
  ): Promise<WithSecret> {
    const { webhook: details, secret } = await this.webhooks.rotateSecret(ctx, name);
    return { secret: secret.reveal(), details };
  }

  @Endpoint(ping)
  async ping(
    @Context() ctx: RequestContext,
    @Input() { params: { name } }: InputOf<typeof ping>,
  ): Promise<{ isDelivered: boolean; statusCode: number | null; error: string | null }> {
    const outcome = await this.webhooks.ping(ctx, name);
    return { isDelivered: outcome.error === null, ...outcome };
  }

  @Endpoint(listDeliveries)
  async listDeliveries(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, query: { limit, cursor, ...filter } }: InputOf<typeof listDeliveries>,
  ): Promise<Page<DeliveryView>> {
    const after = fromCursor(cursor, z.uuid());
    const query = withoutUndefined({ ...filter, limit: limit + 1, after });
    return toPage(await this.deliveries.list(ctx, 'webhook', name, query), limit, ({ id }) => id);
  }

  @Endpoint(replay)
  replay(
    @Context() ctx: RequestContext,
    @Input() { params: { name, id } }: InputOf<typeof replay>,
  ): Promise<DeliveryView> {
    return this.deliveries.replay(ctx, name, id);
  }
}
