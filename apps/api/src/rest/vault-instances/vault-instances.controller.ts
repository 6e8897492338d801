import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import {
  LIST_SORTS,
  listPosition,
  newVaultInstance,
  vaultInstanceChanges,
  VaultInstanceService,
  type VaultInstance,
} from '@claviger/features/vault-profiles';
import { CHECK_STATUSES, type VaultCheck } from '@claviger/vaults/contract';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, pageOf, pageQuery, toPage, type Page } from '../../http/page.js';
import { withoutUndefined } from '../without-undefined.js';

export const instant = z.date().meta({ override: { type: 'string', format: 'date-time' } });
export const idOrName = z.string().min(1).max(63).meta({ description: 'Id or name.', example: 'openbao-prod' });
export const checkFlag = z
  .enum(['true', 'false'])
  .default('true')
  .transform((text) => text === 'true')
  .meta({ description: 'Ask the vault before anything is saved.', override: { type: 'boolean', default: true } });
export const listQuery = {
  ...pageQuery,
  namePrefix: z.string().max(63).optional(),
  sort: z.enum(LIST_SORTS).default('name'),
  order: z.enum(['asc', 'desc']).default('asc'),
};
export const listCursor = z.object({ value: z.string(), id: z.uuid() });

export const checkView = z
  .object({
    status: z.enum(CHECK_STATUSES),
    message: z.string().meta({ description: 'What was found and, unless ready, what to do.' }),
    latencyMs: z.number(),
    product: z.string().optional(),
    version: z.string().optional(),
    serverIdentity: z.string().optional(),
    capabilities: z.record(z.string(), z.unknown()).optional(),
    flavour: z.string().optional(),
  })
  .meta({ id: 'VaultCheck' });

const view = z
  .object({
    id: z.string(),
    name: z.string(),
    kind: z.string(),
    description: z.string(),
    config: z.record(z.string(), z.unknown()),
    limits: z.record(z.string(), z.unknown()),
    serverIdentity: z.string().nullable(),
    revision: z.number().int(),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: 'VaultInstance', description: 'Credentials are write-only.' });

const params = z.object({ id: idOrName });
const needs = (operation: string): string => `${operation} claviger/vault-instances/<name>`;

const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Register a vault instance',
  description: 'The vault is asked before anything is saved, unless `check=false`.',
  needs: needs('create'),
  query: z.strictObject({ check: checkFlag }),
  body: newVaultInstance,
  status: 201,
  response: view,
});
const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List vault instances',
  needs: 'list claviger/vault-instances/',
  query: z.strictObject({ ...listQuery, kind: z.string().max(63).optional() }),
  response: pageOf(view),
});
const get = defineEndpoint({
  method: 'GET',
  path: ':id',
  summary: 'Get a vault instance',
  needs: needs('read'),
  params,
  response: view,
});
const update = defineEndpoint({
  method: 'PATCH',
  path: ':id',
  summary: 'Change a vault instance',
  description:
    'Changing where the credentials are sent (address, namespace, CA, auth path) needs the credentials again.',
  needs: needs('update'),
  params,
  query: z.strictObject({ check: checkFlag }),
  body: vaultInstanceChanges,
  ifMatch: 'revision',
  response: view,
});
const remove = defineEndpoint({
  method: 'DELETE',
  path: ':id',
  summary: 'Remove a vault instance',
  description: 'Refused while vault profiles use it.',
  needs: needs('delete'),
  params,
  ifMatch: 'revision',
  status: 204,
});
const check = defineEndpoint({
  method: 'POST',
  path: ':id/check',
  summary: 'Ask the vault now',
  needs: needs('read'),
  params,
  body: z.strictObject({}),
  response: checkView,
});

@Controller('api/v1/vault-instances')
export class VaultInstancesController {
  constructor(private readonly instances: VaultInstanceService) {}

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { query, body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VaultInstance> {
    const instance = await this.instances.create(ctx, body, { check: query.check });
    void reply.header('location', `/api/v1/vault-instances/${instance.name}`);
    return tagged(reply, instance);
  }

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<VaultInstance>> {
    const { limit, cursor, order, ...filters } = query;
    const after = fromCursor(cursor, listCursor);
    const rows = await this.instances.list(ctx, {
      ...withoutUndefined(filters),
      limit: limit + 1,
      descending: order === 'desc',
      ...(after ? { after } : {}),
    });
    return toPage(rows, limit, (last) => listPosition(last, query.sort));
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { id } }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VaultInstance> {
    return tagged(reply, await this.instances.get(ctx, id));
  }

  @Endpoint(update)
  async update(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query, body, ifMatch }: InputOf<typeof update>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VaultInstance> {
    const options = withoutUndefined({ check: query.check, expectedRevision: ifMatch });
    return tagged(reply, await this.instances.update(ctx, id, withoutUndefined(body), options));
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, ifMatch }: InputOf<typeof remove>,
  ): Promise<void> {
    await this.instances.remove(ctx, id, withoutUndefined({ expectedRevision: ifMatch }));
  }

  @Endpoint(check)
  check(@Context() ctx: RequestContext, @Input() { params: { id } }: InputOf<typeof check>): Promise<VaultCheck> {
    return this.instances.check(ctx, id);
  }
}

/** Sends a record's revision as its ETag. */
export function tagged<T extends { readonly revision: number }>(reply: FastifyReply, record: T): T {
  void reply.header('etag', `"${record.revision}"`);
  return record;
}
