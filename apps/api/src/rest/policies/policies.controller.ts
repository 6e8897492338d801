import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import {
  accessErrors,
  POLICY_MAX_BYTES,
  policyInvalid,
  PolicyService,
  type PolicySummary,
  type PolicyView,
} from '@claviger/features/access';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, pageOf, pageQuery, toPage, type Page } from '../../http/page.js';
import { tagged } from '../tagged.js';

const name = z.string().min(1).max(128).meta({ example: 'team-payments' });
const text = '{"path":{"prod/data/payments/*":{"capabilities":["read","list"]}}}';
const policy = z
  .string()
  .min(1)
  .max(POLICY_MAX_BYTES)
  .meta({ description: "A policy in Vault's ACL language, JSON form, as text.", example: text });
const summaryExample = { name: 'team-payments', description: '', isReady: false, revision: 1 };
const summary = z
  .object({
    name,
    description: z.string(),
    isReady: z.boolean().meta({ description: 'Comes with Claviger and cannot be changed.' }),
    revision: z.number().int(),
  })
  .meta({ id: 'PolicySummary', example: summaryExample });
const view = summary
  .extend({ policy: z.string() })
  .meta({ id: 'Policy', example: { ...summaryExample, policy: text } });
const params = z.object({ name });

const { accessDenied, policyExists, policyImmutable, policyNotFound, stalePolicy } = accessErrors;
const denied = accessDenied('claviger/policies/team-payments', 'update');
const mistake = policyInvalid('{"path": ', 9, 'a value is missing here.');

const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List policies by name',
  description: 'Those that come with Claviger among them; without their texts.',
  needs: 'list claviger/policies/',
  query: z.strictObject(pageQuery),
  response: pageOf(summary),
  problems: [denied],
});
const create = defineEndpoint({
  method: 'POST',
  isOneTransaction: true,
  path: '',
  summary: 'Create a policy',
  description: 'A mistake in the text is answered with its line and column.',
  needs: 'create claviger/policies/<name>',
  body: z.strictObject({ name, policy }),
  status: 201,
  response: view,
  etag: 'revision',
  problems: [denied, mistake, policyExists('team-payments'), policyImmutable('admin')],
  example: { body: { name: 'team-payments', policy: text } },
});
const get = defineEndpoint({
  method: 'GET',
  path: ':name',
  summary: 'Get a policy',
  needs: 'read claviger/policies/<name>',
  params,
  response: view,
  etag: 'revision',
  problems: [denied, policyNotFound()],
});
const update = defineEndpoint({
  method: 'PUT',
  path: ':name',
  summary: 'Replace a policy',
  description: 'It acts on existing tokens at once.',
  needs: 'update claviger/policies/<name>',
  params,
  body: z.strictObject({ policy }),
  ifMatch: 'revision',
  response: view,
  etag: 'revision',
  problems: [denied, mistake, policyNotFound(), policyImmutable('admin'), stalePolicy(4)],
  example: { body: { policy: text }, response: { ...summaryExample, revision: 2, policy: text } },
});
const remove = defineEndpoint({
  method: 'DELETE',
  path: ':name',
  summary: 'Delete a policy',
  description: 'Tokens that have it are left without what it granted.',
  needs: 'delete claviger/policies/<name>',
  params,
  ifMatch: 'revision',
  status: 204,
  problems: [denied, policyNotFound(), policyImmutable('admin'), stalePolicy(4)],
});

@Controller('api/v1/policies')
export class PoliciesController {
  constructor(private readonly policies: PolicyService) {}

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<PolicySummary>> {
    const after = fromCursor(query.cursor, z.string().max(128));
    return toPage(await this.policies.list(ctx, query.limit + 1, after), query.limit, ({ name: last }) => last);
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PolicyView> {
    void reply.header('location', `/api/v1/policies/${encodeURIComponent(body.name)}`);
    return tagged(reply, await this.policies.create(ctx, body.name, body.policy));
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { name } }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PolicyView> {
    return tagged(reply, await this.policies.get(ctx, name));
  }

  @Endpoint(update)
  async update(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, body, ifMatch }: InputOf<typeof update>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PolicyView> {
    return tagged(reply, await this.policies.update(ctx, name, body.policy, ifMatch));
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, ifMatch }: InputOf<typeof remove>,
  ): Promise<void> {
    await this.policies.remove(ctx, name, ifMatch);
  }
}
