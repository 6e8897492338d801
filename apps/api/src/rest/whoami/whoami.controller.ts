import { Controller } from '@nestjs/common';
import type { PrincipalRef, RequestContext } from '@claviger/kernel';
import { TokenService } from '@claviger/features/access';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint } from '../../http/endpoint.js';
import { EXAMPLE } from '../examples.js';
import { PRINCIPAL_KINDS } from '../principals.dto.js';
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
    principal: z
      .object({
        kind: z.enum(PRINCIPAL_KINDS),
        id: z.string(),
        name: z.string(),
        groups: z.array(z.string()).meta({ description: 'Names of the groups that they are in.' }),
      })
      .nullable()
      .meta({ description: 'Whom the token belongs to; null for one that no log-in made.' }),
    token: tokenView,
  }),
  example: {
    response: {
      displayName: 'ci',
      identity: `service-account:${EXAMPLE.serviceAccountId}`,
      policies: ['developer'],
      principal: { kind: 'service-account', id: EXAMPLE.serviceAccountId, name: 'ci', groups: ['team-payments'] },
      token: tokenExample,
    },
  },
});

@Controller('api/v1/whoami')
export class WhoamiController {
  constructor(private readonly tokens: TokenService) {}

  @Endpoint(whoami)
  async whoami(@Context() ctx: RequestContext): Promise<unknown> {
    const { displayName, rootId, policies, principal } = ctx.actor;
    const token = await this.tokens.self(ctx);
    return { displayName, identity: rootId, policies, principal: principal ? shown(principal) : null, token };
  }
}

function shown({ kind, id, name, groups }: PrincipalRef): object {
  return { kind, id, name, groups: groups.map((group) => group.name).sort() };
}
