import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { WaiverService, type Waiver } from '@claviger/features/compliance';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { changed } from '../changes/changed.js';
import { withoutUndefined } from '../without-undefined.js';
import { create, end, get, list } from './waivers.dto.js';

@Controller('api/v1/compliance/waivers')
export class WaiversController {
  constructor(private readonly waivers: WaiverService) {}

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<Waiver>> {
    const { limit, cursor, asOf, secret, ...filter } = query;
    const wanted = {
      ...filter,
      secretId: secret,
      asOf: asOf === undefined ? undefined : new Date(asOf),
      after: fromCursor(cursor, z.uuid()),
    };
    const rows = await this.waivers.list(ctx, { ...withoutUndefined(wanted), limit: limit + 1 });
    return toPage(rows, limit, ({ id }) => id);
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body: { secret, until, ...body } }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    return changed(reply, await this.waivers.waive(ctx, { ...body, secretId: secret, until: new Date(until) }));
  }

  @Endpoint(get)
  get(@Context() ctx: RequestContext, @Input() { params: { id } }: InputOf<typeof get>): Promise<Waiver> {
    return this.waivers.get(ctx, id);
  }

  @Endpoint(end)
  async end(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query }: InputOf<typeof end>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    return changed(reply, await this.waivers.end(ctx, id, query.reason));
  }
}
