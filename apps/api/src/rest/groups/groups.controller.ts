import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { GroupService, type GroupView, type MemberView } from '@claviger/features/principals';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { tagged } from '../tagged.js';
import { withoutUndefined } from '../without-undefined.js';
import { addMember, create, get, list, listMembers, remove, removeMember, update } from './groups.dto.js';

@Controller('api/v1/groups')
export class GroupsController {
  constructor(private readonly groups: GroupService) {}

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<GroupView>> {
    const rows = await this.groups.list(ctx, query.limit + 1, fromCursor(query.cursor, z.string().max(128)));
    return toPage(rows, query.limit, ({ name }) => name);
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<GroupView> {
    const group = await this.groups.create(ctx, withoutUndefined(body));
    void reply.header('location', `/api/v1/groups/${group.name}`);
    return tagged(reply, group);
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { name } }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<GroupView> {
    return tagged(reply, await this.groups.get(ctx, name));
  }

  @Endpoint(update)
  async update(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, body, ifMatch }: InputOf<typeof update>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<GroupView> {
    return tagged(reply, await this.groups.update(ctx, name, withoutUndefined(body), ifMatch));
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, ifMatch }: InputOf<typeof remove>,
  ): Promise<void> {
    await this.groups.remove(ctx, name, ifMatch);
  }

  @Endpoint(listMembers)
  async listMembers(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, query }: InputOf<typeof listMembers>,
  ): Promise<Page<MemberView>> {
    const after = fromCursor(query.cursor, z.string().max(128));
    const rows = await this.groups.listMembers(ctx, name, query.limit + 1, after);
    return toPage(rows, query.limit, (last) => last.name);
  }

  @Endpoint(addMember)
  async addMember(
    @Context() ctx: RequestContext,
    @Input() { params: { name, member } }: InputOf<typeof addMember>,
  ): Promise<void> {
    await this.groups.addMember(ctx, name, member);
  }

  @Endpoint(removeMember)
  async removeMember(
    @Context() ctx: RequestContext,
    @Input() { params: { name, member } }: InputOf<typeof removeMember>,
  ): Promise<void> {
    await this.groups.removeMember(ctx, name, member);
  }
}
