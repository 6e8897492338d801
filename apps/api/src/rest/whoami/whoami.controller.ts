import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { TokenService } from '@claviger/features/access';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint } from '../../http/endpoint.js';
import { EXAMPLE } from '../examples.js';
import { tokenExample, tokenView } from '../tokens/tokens.controller.js';

const whoami = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'Who am I',
  needs: 'token',
  response: z.object({
    displayName: z.string(),
    identity: z.string(),
    policies: z.array(z.string()),
    token: tokenView,
  }),
  example: {
    response: { displayName: 'ci', identity: EXAMPLE.requester.id, policies: ['developer'], token: tokenExample },
  },
});

@Controller('api/v1/whoami')
export class WhoamiController {
  constructor(private readonly tokens: TokenService) {}

  @Endpoint(whoami)
  async whoami(@Context() ctx: RequestContext): Promise<unknown> {
    const { displayName, rootId, policies } = ctx.actor;
    return { displayName, identity: rootId, policies, token: await this.tokens.self(ctx) };
  }
}
