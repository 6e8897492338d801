import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { ComplianceProfileService, type ComplianceProfileView } from '@claviger/features/compliance';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { changed } from '../changes/changed.js';
import { withoutUndefined } from '../without-undefined.js';
import { create, get, list, remove, update, versions } from './compliance-profiles.dto.js';

@Controller('api/v1/compliance-profiles')
export class ComplianceProfilesController {
  constructor(private readonly profiles: ComplianceProfileService) {}

  @Endpoint(list)
  async list(
    @Context() ctx: RequestContext,
    @Input() { query }: InputOf<typeof list>,
  ): Promise<Page<ComplianceProfileView>> {
    const rows = await this.profiles.list(ctx, query.limit + 1, fromCursor(query.cursor, z.string().max(63)));
    return toPage(rows, query.limit, ({ name }) => name);
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    return changed(reply, await this.profiles.create(ctx, withoutUndefined(body)));
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, query }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ComplianceProfileView> {
    const profile = await this.profiles.get(ctx, name, query.version);
    void reply.header('etag', `"${profile.version}"`);
    return profile;
  }

  @Endpoint(versions)
  async versions(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, query }: InputOf<typeof versions>,
  ): Promise<Page<ComplianceProfileView>> {
    const before = fromCursor(query.cursor, z.number().int());
    const rows = await this.profiles.listVersions(ctx, name, query.limit + 1, before);
    return toPage(rows, query.limit, ({ version }) => version);
  }

  @Endpoint(update)
  async update(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, body, ifMatch }: InputOf<typeof update>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const { reason, ...changes } = withoutUndefined(body);
    const change = await this.profiles.update(
      ctx,
      name,
      changes,
      withoutUndefined({ expectedVersion: ifMatch, reason }),
    );
    return changed(reply, change);
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, query, ifMatch }: InputOf<typeof remove>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const options = withoutUndefined({ expectedVersion: ifMatch, reason: query.reason });
    return changed(reply, await this.profiles.remove(ctx, name, options));
  }
}
