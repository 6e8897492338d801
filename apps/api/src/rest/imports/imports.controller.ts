import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { ImportService, type ImportEntity, type ImportItemEntity } from '@claviger/features/imports';
import type { PlanView } from '@claviger/features/plans';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { withoutUndefined } from '../without-undefined.js';
import { adopt, create, get, list, listItems, remove } from './imports.dto.js';

@Controller('api/v1/imports')
export class ImportsController {
  constructor(private readonly imports: ImportService) {}

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const made = await this.imports.create(ctx, body);
    void reply.header('location', `/api/v1/imports/${made.id}`);
    return view(made);
  }

  @Endpoint(list)
  async list(
    @Context() ctx: RequestContext,
    @Input() { query: { limit, cursor } }: InputOf<typeof list>,
  ): Promise<Page<unknown>> {
    const query = withoutUndefined({ limit: limit + 1, before: fromCursor(cursor, z.uuid()) });
    const { items, nextCursor } = toPage(await this.imports.list(ctx, query), limit, ({ id }) => id);
    return { items: items.map(view), nextCursor };
  }

  @Endpoint(get)
  async get(@Context() ctx: RequestContext, @Input() { params }: InputOf<typeof get>): Promise<unknown> {
    return view(await this.imports.get(ctx, params.id));
  }

  @Endpoint(listItems)
  async listItems(
    @Context() ctx: RequestContext,
    @Input() { params, query: { limit, cursor } }: InputOf<typeof listItems>,
  ): Promise<Page<unknown>> {
    const page = withoutUndefined({ limit: limit + 1, after: fromCursor(cursor, z.int().min(0).max(1_000_000)) });
    const rows = await this.imports.listItems(ctx, params.id, page);
    const { items, nextCursor } = toPage(rows, limit, ({ number }) => number);
    return { items: items.map(itemView), nextCursor };
  }

  @Endpoint(adopt)
  async adopt(
    @Context() ctx: RequestContext,
    @Input() { params, body }: InputOf<typeof adopt>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PlanView> {
    const plan = await this.imports.adopt(ctx, params.id, withoutUndefined(body));
    void reply.header('location', `/api/v1/plans/${plan.id}`);
    return plan;
  }

  @Endpoint(remove)
  async remove(@Context() ctx: RequestContext, @Input() { params }: InputOf<typeof remove>): Promise<void> {
    await this.imports.remove(ctx, params.id);
  }
}

function view(row: ImportEntity): unknown {
  const { id, state, vaultProfile, folder, maxFound: limit, requestedBy, found, known, hidden, isCutOff } = row;
  const { expiresAt, createdAt, scannedAt, code, message } = row;
  const error = code === null ? null : { code, message };
  const counts = { found, known, hidden, isCutOff, error };
  return { id, state, vaultProfile, folder, limit, requestedBy, ...counts, expiresAt, createdAt, scannedAt };
}

function itemView(row: ImportItemEntity): unknown {
  const { number, physicalName, name, types, isCertain, planId, code, message } = row;
  const error = code === null ? null : { code, message };
  return { number, physicalName, name, type: types[0] ?? null, types, isCertain, error, planId };
}
