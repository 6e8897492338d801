import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import {
  LoginIssuerService,
  LoginLinkService,
  type LoginIssuerView,
  type LoginLinkView,
} from '@claviger/features/principals';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { tagged } from '../tagged.js';
import { withoutUndefined } from '../without-undefined.js';
import { create, get, link, list, listLinks, remove, unlink, update } from './login-issuers.dto.js';

@Controller('api/v1/login-issuers')
export class LoginIssuersController {
  constructor(
    private readonly issuers: LoginIssuerService,
    private readonly links: LoginLinkService,
  ) {}

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<LoginIssuerView>> {
    const rows = await this.issuers.list(ctx, query.limit + 1, fromCursor(query.cursor, z.string().max(128)));
    return toPage(rows, query.limit, ({ name }) => name);
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LoginIssuerView> {
    const issuer = await this.issuers.create(ctx, withoutUndefined(body));
    void reply.header('location', `/api/v1/login-issuers/${issuer.name}`);
    return tagged(reply, issuer);
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { name } }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LoginIssuerView> {
    return tagged(reply, await this.issuers.get(ctx, name));
  }

  @Endpoint(update)
  async update(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, body, ifMatch }: InputOf<typeof update>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LoginIssuerView> {
    return tagged(reply, await this.issuers.update(ctx, name, withoutUndefined(body), ifMatch));
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, ifMatch }: InputOf<typeof remove>,
  ): Promise<void> {
    await this.issuers.remove(ctx, name, ifMatch);
  }

  @Endpoint(listLinks)
  async listLinks(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, query }: InputOf<typeof listLinks>,
  ): Promise<Page<LoginLinkView>> {
    const rows = await this.links.list(ctx, name, query.limit + 1, fromCursor(query.cursor, z.string().max(128)));
    return toPage(rows, query.limit, (last) => last.name);
  }

  @Endpoint(link)
  async link(
    @Context() ctx: RequestContext,
    @Input() { params: { name, principal }, body: { subject } }: InputOf<typeof link>,
  ): Promise<void> {
    await this.links.link(ctx, name, principal, subject);
  }

  @Endpoint(unlink)
  async unlink(
    @Context() ctx: RequestContext,
    @Input() { params: { name, principal } }: InputOf<typeof unlink>,
  ): Promise<void> {
    await this.links.unlink(ctx, name, principal);
  }
}
