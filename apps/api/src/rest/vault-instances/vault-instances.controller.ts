import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors } from '@claviger/features/access';
import {
  listPosition,
  newVaultInstance,
  vaultInstanceChanges,
  VaultInstanceService,
  vaultProfileErrors,
  type VaultInstance,
} from '@claviger/features/vault-profiles';
import type { VaultCheck } from '@claviger/vaults/contract';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { instant } from '../../http/instant.js';
import { pageOf, toPage, type Page } from '../../http/page.js';
import { EXAMPLE } from '../examples.js';
import { tagged } from '../tagged.js';
import { checkView, idOrName, listQuery, saveQuery, toListQuery } from '../vault-resources.dto.js';
import { withoutUndefined } from '../without-undefined.js';

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
  .meta({
    id: 'VaultInstance',
    description: 'Credentials are write-only.',
    example: {
      id: '01a1ff05-2eee-772b-b5f3-832191ede1ec',
      name: 'openbao',
      kind: 'kv',
      description: '',
      config: { address: 'https://bao.example:8200' },
      limits: { requestsPerSecond: 200 },
      serverIdentity: 'cbd15ee1-a894-8cd6-6f57-ce9c24f6c9d8',
      revision: 1,
      createdAt: EXAMPLE.at,
      updatedAt: EXAMPLE.at,
    },
  });

const params = z.object({ id: idOrName });
const needs = (operation: string): string => `${operation} claviger/vault-instances/<name>`;

const denied = accessErrors.accessDenied('claviger/vault-instances/openbao', 'update');
const { vaultCheckFailed, vaultInstanceNotFound, staleMatch } = vaultProfileErrors;
const notReady = [
  vaultCheckFailed({ status: 'unreachable', message: 'Nothing listens at the address.', latencyMs: 2 }),
  vaultCheckFailed({ status: 'unauthenticated', message: 'The vault does not accept the credentials.', latencyMs: 2 }),
];

const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Register a vault instance',
  description: 'The vault is asked before anything is saved, unless `check=false`.',
  needs: needs('create'),
  query: saveQuery,
  body: newVaultInstance,
  status: 201,
  response: view,
  etag: 'revision',
  problems: [
    denied,
    vaultProfileErrors.vaultKindUnknown(['builtin', 'kv']),
    vaultProfileErrors.vaultInstanceExists('openbao'),
    ...notReady,
  ],
  example: {
    body: {
      name: 'openbao',
      kind: 'kv',
      config: { address: 'https://bao.example:8200' },
      credentials: { type: 'approle', roleId: '…', secretId: '…' },
      limits: { requestsPerSecond: 200 },
    },
  },
});
const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List vault instances',
  needs: 'list claviger/vault-instances/',
  query: z.strictObject({ ...listQuery, kind: z.string().max(63).optional() }),
  response: pageOf(view),
  problems: [denied],
});
const get = defineEndpoint({
  method: 'GET',
  path: ':id',
  summary: 'Get a vault instance',
  needs: needs('read'),
  params,
  response: view,
  etag: 'revision',
  problems: [denied, vaultInstanceNotFound()],
});
const update = defineEndpoint({
  method: 'PATCH',
  path: ':id',
  summary: 'Change a vault instance',
  description:
    'Changing where the credentials are sent (address, namespace, CA, auth path) needs the credentials again.',
  needs: needs('update'),
  params,
  query: saveQuery,
  body: vaultInstanceChanges,
  ifMatch: 'revision',
  response: view,
  etag: 'revision',
  problems: [
    denied,
    vaultInstanceNotFound(),
    vaultProfileErrors.credentialsRequired(['address']),
    vaultProfileErrors.vaultServerChanged('openbao', ['prod']),
    staleMatch('vault instance', 4),
    ...notReady,
  ],
  example: {
    body: { config: { address: 'https://bao-2.example:8200' }, credentials: { type: 'token', token: '…' } },
  },
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
  problems: [
    denied,
    vaultInstanceNotFound(),
    vaultProfileErrors.vaultInstanceInUse('openbao', ['prod']),
    staleMatch('vault instance', 4),
  ],
});
const check = defineEndpoint({
  method: 'POST',
  path: ':id/check',
  summary: 'Ask the vault now',
  needs: needs('read'),
  params,
  body: z.strictObject({}),
  response: checkView,
  problems: [denied, vaultInstanceNotFound()],
  example: { body: {} },
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
    const rows = await this.instances.list(ctx, toListQuery(query));
    return toPage(rows, query.limit, (last) => listPosition(last, query.sort));
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
