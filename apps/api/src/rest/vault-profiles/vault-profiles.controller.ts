import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors } from '@claviger/features/access';
import type { ChangeEntity } from '@claviger/features/changes';
import {
  listPosition,
  newVaultProfile,
  REPAIRS,
  vaultProfileChanges,
  vaultProfileErrors,
  VaultProfileService,
  type VaultProfile,
} from '@claviger/features/vault-profiles';
import type { VaultCheck } from '@claviger/vaults/contract';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { instant } from '../../http/instant.js';
import { pageOf, toPage, type Page } from '../../http/page.js';
import { optionalQueryFlag } from '../../http/query-flag.js';
import { changeExample, changeView, toChangeView } from '../changes/changes.dto.js';
import { EXAMPLE } from '../examples.js';
import { reason } from '../secrets/secrets.dto.js';
import { tagged } from '../tagged.js';
import { checkView, idOrName, listQuery, saveQuery, toListQuery } from '../vault-resources.dto.js';
import { withoutUndefined } from '../without-undefined.js';

const view = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    instanceId: z.string(),
    instanceName: z.string(),
    mount: z.string(),
    prefix: z.string(),
    flavour: z.string(),
    nameTemplate: z.string(),
    defaultOwner: z.string().nullable(),
    defaultLabels: z.record(z.string(), z.string()),
    limits: z.record(z.string(), z.unknown()),
    repair: z.enum(REPAIRS),
    approvalProfile: z.string().nullable().meta({ description: 'Gates what it holds, and itself.' }),
    isEnabled: z.boolean(),
    revision: z.number().int(),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({
    id: 'VaultProfile',
    example: {
      id: '01a1ff05-3133-766e-9b9a-b2f5649fae28',
      name: 'prod',
      description: '',
      instanceId: '01a1ff05-2eee-772b-b5f3-832191ede1ec',
      instanceName: 'openbao',
      mount: 'secret',
      prefix: 'apps',
      flavour: 'auto',
      nameTemplate: '{name}',
      defaultOwner: null,
      defaultLabels: { team: 'payments' },
      limits: {},
      repair: 'report',
      approvalProfile: null,
      isEnabled: true,
      revision: 1,
      createdAt: EXAMPLE.at,
      updatedAt: EXAMPLE.at,
    },
  });

const waiting = z.object({ change: changeView }).meta({
  example: {
    change: { ...changeExample, kind: 'vault-profile.update', secretId: null, subject: 'prod', baseVersion: null },
  },
});
const params = z.object({ id: idOrName });
const needs = (operation: string): string => `${operation} claviger/vault-profiles/<name>`;

const denied = accessErrors.accessDenied('claviger/vault-profiles/prod', 'update');
const { vaultCheckFailed, vaultProfileInUse, vaultProfileNotFound, staleMatch } = vaultProfileErrors;
const notReady = [
  vaultCheckFailed({ status: 'unreachable', message: 'Nothing listens at the address.', latencyMs: 2 }),
  vaultCheckFailed({ status: 'no_permission', message: 'The credentials may not read secrets there.', latencyMs: 2 }),
];
const uses = [{ role: 'source', count: 1, names: ['shop/database'] }] as const;

const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Register a vault profile',
  description: 'The vault is asked before anything is saved, unless `check=false`.',
  needs: needs('create'),
  query: saveQuery,
  body: newVaultProfile,
  status: 201,
  response: view,
  etag: 'revision',
  problems: [
    denied,
    vaultProfileErrors.vaultInstanceNotFound(),
    vaultProfileErrors.vaultProfileExists('prod'),
    vaultProfileErrors.approvalProfileUnknown(),
    ...notReady,
  ],
  example: {
    body: { name: 'prod', instance: 'openbao', mount: 'secret', prefix: 'apps', defaultLabels: { team: 'payments' } },
  },
});
const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List vault profiles',
  needs: 'list claviger/vault-profiles/',
  query: z.strictObject({
    ...listQuery,
    instance: idOrName.optional(),
    isEnabled: optionalQueryFlag('Enabled or disabled ones only.'),
  }),
  response: pageOf(view),
  problems: [denied],
});
const get = defineEndpoint({
  method: 'GET',
  path: ':id',
  summary: 'Get a vault profile',
  needs: needs('read'),
  params,
  response: view,
  etag: 'revision',
  problems: [denied, vaultProfileNotFound()],
});
const update = defineEndpoint({
  method: 'PATCH',
  path: ':id',
  summary: 'Change a vault profile',
  description:
    'Where its secrets lie (instance, mount, prefix, flavour) cannot change while it is used. One that has an approval ' +
    'profile is changed once that has approved: 202 with the change.',
  needs: needs('update'),
  params,
  query: saveQuery,
  body: vaultProfileChanges.extend({ reason }),
  ifMatch: 'revision',
  response: view,
  etag: 'revision',
  mayBeAccepted: waiting,
  problems: [
    denied,
    vaultProfileNotFound(),
    vaultProfileErrors.approvalProfileUnknown(),
    vaultProfileInUse('prod', 'cannot move', uses),
    staleMatch('vault profile', 4),
    ...notReady,
  ],
  example: { body: { description: 'Production of the shop', repair: 'auto' } },
});
const remove = defineEndpoint({
  method: 'DELETE',
  path: ':id',
  summary: 'Remove a vault profile',
  description:
    'Refused while secrets use it as source or sync profile. One that has an approval profile is removed once that has ' +
    'approved: 202 with the change.',
  needs: needs('delete'),
  params,
  query: z.strictObject({ reason }),
  ifMatch: 'revision',
  status: 204,
  mayBeAccepted: waiting,
  problems: [
    denied,
    vaultProfileNotFound(),
    vaultProfileInUse('prod', 'cannot be removed', uses),
    staleMatch('vault profile', 4),
  ],
});
const check = defineEndpoint({
  method: 'POST',
  path: ':id/check',
  summary: 'Ask the vault about the mount of a profile now',
  needs: needs('read'),
  params,
  body: z.strictObject({}),
  response: checkView,
  problems: [denied, vaultProfileNotFound()],
  example: { body: {} },
});

type Waiting = { readonly change: unknown };

@Controller('api/v1/vault-profiles')
export class VaultProfilesController {
  constructor(private readonly profiles: VaultProfileService) {}

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { query, body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VaultProfile> {
    const profile = await this.profiles.create(ctx, body, { check: query.check });
    void reply.header('location', `/api/v1/vault-profiles/${profile.name}`);
    return tagged(reply, profile);
  }

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<VaultProfile>> {
    const rows = await this.profiles.list(ctx, toListQuery(query));
    return toPage(rows, query.limit, (last) => listPosition(last, query.sort));
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { id } }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VaultProfile> {
    return tagged(reply, await this.profiles.show(ctx, id));
  }

  @Endpoint(update)
  async update(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query, body, ifMatch }: InputOf<typeof update>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VaultProfile | Waiting> {
    const { reason: why, ...changes } = withoutUndefined(body);
    const options = withoutUndefined({ check: query.check, expectedRevision: ifMatch, reason: why });
    const { waiting: change, ...profile } = await this.profiles.update(ctx, id, changes, options);
    return change ? accepted(reply, change) : tagged(reply, profile);
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query, ifMatch }: InputOf<typeof remove>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Waiting | undefined> {
    const options = withoutUndefined({ expectedRevision: ifMatch, reason: query.reason });
    const change = await this.profiles.remove(ctx, id, options);
    return change && accepted(reply, change);
  }

  @Endpoint(check)
  check(@Context() ctx: RequestContext, @Input() { params: { id } }: InputOf<typeof check>): Promise<VaultCheck> {
    return this.profiles.check(ctx, id);
  }
}

function accepted(reply: FastifyReply, change: ChangeEntity): Waiting {
  void reply.status(202);
  return { change: toChangeView(change) };
}
