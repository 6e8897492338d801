import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { PrincipalService, type PrincipalView } from '@claviger/features/principals';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { serviceAccountEndpoints } from '../principals.dto.js';
import { tagged } from '../tagged.js';
import { withoutUndefined } from '../without-undefined.js';

const { list, create, get, update, remove } = serviceAccountEndpoints;

@Controller('api/v1/service-accounts')
export class ServiceAccountsController {
  constructor(private readonly principals: PrincipalService) {}

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<PrincipalView>> {
    const after = fromCursor(query.cursor, z.string().max(128));
    const rows = await this.principals.list(ctx, 'service-account', query.limit + 1, after);
    return toPage(rows, query.limit, ({ name }) => name);
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PrincipalView> {
    const account = await this.principals.create(ctx, 'service-account', withoutUndefined(body));
    void reply.header('location', `/api/v1/service-accounts/${account.name}`);
    return tagged(reply, account);
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { name } }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PrincipalView> {
    return tagged(reply, await this.principals.get(ctx, 'service-account', name));
  }

  @Endpoint(update)
  async update(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, body, ifMatch }: InputOf<typeof update>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PrincipalView> {
    return tagged(reply, await this.principals.update(ctx, 'service-account', name, withoutUndefined(body), ifMatch));
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, ifMatch }: InputOf<typeof remove>,
  ): Promise<void> {
    await this.principals.remove(ctx, 'service-account', name, ifMatch);
  }
}
