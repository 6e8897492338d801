import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { PlanService, type PlanItemView, type PlanView } from '@claviger/features/plans';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { withoutUndefined } from '../without-undefined.js';
import { toPlanRequest } from './plan-items.dto.js';
import { apply, create, get, list, listItems, remove } from './plans.dto.js';

@Controller('api/v1/plans')
export class PlansController {
  constructor(private readonly plans: PlanService) {}

  @Endpoint(create)
  create(
    @Context() ctx: RequestContext,
    @Input() { body: { items, ...options } }: InputOf<typeof create>,
  ): Promise<PlanView> {
    return this.plans.create(ctx, { items: items.map(toPlanRequest), ...withoutUndefined(options) });
  }

  @Endpoint(list)
  async list(
    @Context() ctx: RequestContext,
    @Input() { query: { limit, cursor, state, mine } }: InputOf<typeof list>,
  ): Promise<Page<PlanView>> {
    const query = withoutUndefined({ limit: limit + 1, before: fromCursor(cursor, z.uuid()), state, isMine: mine });
    return toPage(await this.plans.list(ctx, query), limit, ({ id }) => id);
  }

  @Endpoint(get)
  get(@Context() ctx: RequestContext, @Input() { params }: InputOf<typeof get>): Promise<PlanView> {
    return this.plans.get(ctx, params.id);
  }

  @Endpoint(listItems)
  async listItems(
    @Context() ctx: RequestContext,
    @Input() { params, query: { limit, cursor } }: InputOf<typeof listItems>,
  ): Promise<Page<PlanItemView>> {
    const page = withoutUndefined({ limit: limit + 1, after: fromCursor(cursor, z.int().min(0).max(1_000_000)) });
    return toPage(await this.plans.listItems(ctx, params.id, page), limit, ({ number }) => number);
  }

  @Endpoint(apply)
  apply(@Context() ctx: RequestContext, @Input() { params, body }: InputOf<typeof apply>): Promise<PlanView> {
    return this.plans.apply(ctx, params.id, body);
  }

  @Endpoint(remove)
  remove(@Context() ctx: RequestContext, @Input() { params }: InputOf<typeof remove>): Promise<PlanView> {
    return this.plans.cancel(ctx, params.id);
  }
}
