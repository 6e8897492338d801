import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors, MAX_TTL_SECONDS, TokenService, type TokenView } from '@claviger/features/access';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, pageOf, pageQuery, toPage, type Page } from '../../http/page.js';
import { instant } from '../../http/instant.js';
import { EXAMPLE } from '../examples.js';
import { withoutUndefined } from '../without-undefined.js';

const seconds = z.number().int().min(1).max(MAX_TTL_SECONDS);

export const tokenView = z
  .object({
    accessor: z.string().meta({ description: 'Names the token, and is none.' }),
    displayName: z.string(),
    policies: z.array(z.string()),
    ttlSeconds: z.number().int().nullable(),
    expiresAt: instant.nullable(),
    isRenewable: z.boolean(),
    isOrphan: z.boolean(),
    usesLeft: z.number().int().nullable(),
    createdAt: instant,
    renewedAt: instant.nullable(),
    lastUsedAt: instant.nullable(),
    lastUsedAddress: z.string().nullable(),
  })
  .meta({
    id: 'Token',
    example: {
      accessor: EXAMPLE.accessor,
      displayName: 'ci',
      policies: ['developer'],
      ttlSeconds: 3_600,
      expiresAt: '2026-11-21T17:51:34.280Z',
      isRenewable: true,
      isOrphan: false,
      usesLeft: null,
      createdAt: EXAMPLE.at,
      renewedAt: null,
      lastUsedAt: null,
      lastUsedAddress: null,
    },
  });

export const tokenExample = tokenView.meta()!['example'] as Record<string, unknown>;

const params = z.object({
  accessor: z
    .string()
    .min(1)
    .max(64)
    .meta({ description: 'Accessor of the token, or `self`.', example: EXAMPLE.accessor }),
});
const { accessDenied, tokenNotFound, tokenNotRenewable, tokenRefused } = accessErrors;
const denied = accessDenied('claviger/tokens/', 'create');

const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Create a token',
  description:
    'A child of your own: revoked with it, and no longer-lived. The token is in this answer and nowhere else.',
  needs: 'create claviger/tokens/; sudo there for policies that your own token does not have, and for an orphan',
  body: z.strictObject({
    policies: z.array(z.string().min(1).max(128)).max(64).optional(),
    displayName: z.string().min(1).max(128).optional(),
    ttlSeconds: seconds.optional(),
    maxTtlSeconds: seconds.optional(),
    isRenewable: z.boolean().optional(),
    uses: z.number().int().min(1).max(1_000_000_000).optional(),
    isOrphan: z.boolean().optional(),
  }),
  status: 201,
  response: z.object({ token: z.string(), details: tokenView }),
  isOneTransaction: true,
  answersSecret: true,
  problems: [
    denied,
    tokenRefused('TOKEN_POLICIES_EXCEED_PARENT', 'A token can only have policies that your own token has.'),
    tokenRefused('TOKEN_LIMITED', 'A token with a use limit cannot make tokens. Use one without.'),
    tokenRefused('TOKEN_TOO_DEEP', 'At most 32 tokens descend from each other.'),
    tokenRefused('TOKEN_SUDO_REQUIRED', 'An orphan token needs sudo on claviger/tokens/. Leave isOrphan out.'),
  ],
  example: {
    body: { policies: ['developer'], displayName: 'ci', ttlSeconds: 3_600 },
    response: { token: 'cvg_…', details: tokenExample },
  },
});
const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List tokens by accessor',
  needs: 'list claviger/tokens/',
  query: z.strictObject(pageQuery),
  response: pageOf(tokenView),
  problems: [denied],
});
const get = defineEndpoint({
  method: 'GET',
  path: ':accessor',
  summary: 'Look a token up',
  needs: 'read claviger/tokens/<accessor>; nothing for `self`',
  params,
  response: tokenView,
  problems: [denied, tokenNotFound()],
});
const renew = defineEndpoint({
  method: 'POST',
  path: ':accessor/renew',
  summary: 'Renew a token',
  needs: 'update claviger/tokens/<accessor>; nothing for `self`',
  params,
  body: z.strictObject({ ttlSeconds: seconds.optional() }),
  response: tokenView,
  isOneTransaction: true,
  problems: [denied, tokenNotFound(), tokenNotRenewable('it was made so')],
  example: { body: { ttlSeconds: 3_600 }, response: { ...tokenExample, renewedAt: EXAMPLE.later } },
});
const revoke = defineEndpoint({
  method: 'DELETE',
  path: ':accessor',
  summary: 'Revoke a token and all its descendants',
  description: 'Every process refuses them within a second.',
  needs: 'delete claviger/tokens/<accessor>; nothing for `self`',
  params,
  status: 204,
  problems: [denied, tokenNotFound()],
});

@Controller('api/v1/tokens')
export class TokensController {
  constructor(private readonly tokens: TokenService) {}

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
  ): Promise<{ token: string; details: TokenView }> {
    const { token, view } = await this.tokens.create(ctx, withoutUndefined(body));
    return { token: token.reveal(), details: view };
  }

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<TokenView>> {
    const rows = await this.tokens.list(ctx, query.limit + 1, fromCursor(query.cursor, z.string().max(64)));
    return toPage(rows, query.limit, ({ accessor }) => accessor);
  }

  @Endpoint(get)
  get(@Context() ctx: RequestContext, @Input() { params: { accessor } }: InputOf<typeof get>): Promise<TokenView> {
    return accessor === 'self' ? this.tokens.self(ctx) : this.tokens.get(ctx, accessor);
  }

  @Endpoint(renew)
  renew(@Context() ctx: RequestContext, @Input() { params, body }: InputOf<typeof renew>): Promise<TokenView> {
    return this.tokens.renew(ctx, accessorOf(ctx, params.accessor), body.ttlSeconds);
  }

  @Endpoint(revoke)
  async revoke(@Context() ctx: RequestContext, @Input() { params }: InputOf<typeof revoke>): Promise<void> {
    await this.tokens.revoke(ctx, accessorOf(ctx, params.accessor));
  }
}

const accessorOf = (ctx: RequestContext, accessor: string): string =>
  accessor === 'self' ? ctx.actor.accessor! : accessor;
