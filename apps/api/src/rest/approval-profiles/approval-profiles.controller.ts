import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { ApprovalProfileService, type ApprovalProfileView } from '@claviger/features/approvals';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { toChangeView } from '../changes/changes.dto.js';
import { withoutUndefined } from '../without-undefined.js';
import { create, get, list, remove, update, versions } from './approval-profiles.dto.js';

@Controller('api/v1/approval-profiles')
export class ApprovalProfilesController {
  constructor(private readonly profiles: ApprovalProfileService) {}

  @Endpoint(list)
  async list(
    @Context() ctx: RequestContext,
    @Input() { query }: InputOf<typeof list>,
  ): Promise<Page<ApprovalProfileView>> {
    const rows = await this.profiles.list(ctx, query.limit + 1, fromCursor(query.cursor, z.string().max(63)));
    return toPage(rows, query.limit, ({ name }) => name);
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ApprovalProfileView> {
    const profile = await this.profiles.create(ctx, body);
    void reply.header('location', `/api/v1/approval-profiles/${profile.name}`);
    return withVersion(reply, profile);
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, query }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ApprovalProfileView> {
    return withVersion(reply, await this.profiles.get(ctx, name, query.version));
  }

  @Endpoint(versions)
  async versions(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, query }: InputOf<typeof versions>,
  ): Promise<Page<ApprovalProfileView>> {
    const before = fromCursor(query.cursor, z.number().int());
    const rows = await this.profiles.listVersions(ctx, name, query.limit + 1, before);
    return toPage(rows, query.limit, ({ version }) => version);
  }

  @Endpoint(update)
  async update(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, body, ifMatch }: InputOf<typeof update>,
  ): Promise<unknown> {
    const { reason, ...changes } = withoutUndefined(body);
    const options = withoutUndefined({ expectedVersion: ifMatch, reason });
    return { change: toChangeView(await this.profiles.update(ctx, name, changes, options)) };
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, query, ifMatch }: InputOf<typeof remove>,
  ): Promise<unknown> {
    const options = withoutUndefined({ expectedVersion: ifMatch, reason: query.reason });
    return { change: toChangeView(await this.profiles.remove(ctx, name, options)) };
  }
}

function withVersion(reply: FastifyReply, profile: ApprovalProfileView): ApprovalProfileView {
  void reply.header('etag', `"${profile.version}"`);
  return profile;
}
