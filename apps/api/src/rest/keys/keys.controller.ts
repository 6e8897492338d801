import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { KeyRotationService, KeyStatusService, type KeyView } from '@claviger/features/keys';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { getRotation, listRotations, startRotation, status, toRotationView, type rotationView } from './keys.dto.js';

type View = z.infer<typeof rotationView>;
type OpenView = View & { readonly waitsFor: readonly { readonly kind: string; readonly id: string }[] };

@Controller('api/v1/keys')
export class KeysController {
  constructor(
    private readonly keys: KeyStatusService,
    private readonly rotations: KeyRotationService,
  ) {}

  @Endpoint(status)
  async status(@Context() ctx: RequestContext): Promise<{ keys: readonly KeyView[]; rotations: OpenView[] }> {
    const { keys, rotations } = await this.keys.get(ctx);
    return { keys, rotations: rotations.map(({ rotation, waitsFor }) => ({ ...toRotationView(rotation), waitsFor })) };
  }

  @Endpoint(listRotations)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof listRotations>): Promise<Page<View>> {
    const rows = await this.rotations.list(ctx, query.limit + 1, fromCursor(query.cursor, z.uuid()));
    return toPage(rows.map(toRotationView), query.limit, ({ id }) => id);
  }

  @Endpoint(getRotation)
  async get(@Context() ctx: RequestContext, @Input() { params }: InputOf<typeof getRotation>): Promise<View> {
    return toRotationView(await this.rotations.get(ctx, params.id));
  }

  @Endpoint(startRotation)
  async start(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof startRotation>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<View> {
    const rotation = await this.rotations.start(ctx, body.key);
    void reply.header('location', `/api/v1/keys/rotations/${rotation.id}`);
    return toRotationView(rotation);
  }
}
