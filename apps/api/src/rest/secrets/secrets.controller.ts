import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors } from '@claviger/features/access';
import { changeErrors, type ChangeEntity, type ChangePreview } from '@claviger/features/changes';
import { TARGET_STATUSES } from '@claviger/features/replication';
import {
  SECRET_STATES,
  SECRET_TYPES,
  secretErrors,
  SecretService,
  SecretViews,
  type SecretView,
} from '@claviger/features/secrets';
import { vaultProfileErrors } from '@claviger/features/vault-profiles';
import { nameInvalid } from '@claviger/vaults/contract';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { moment } from '../../http/instant.js';
import { inputInvalid } from '../../http/http.errors.js';
import { fromCursor, pageOf, pageQuery, toPage, type Page } from '../../http/page.js';
import { queryFlag } from '../../http/query-flag.js';
import { UNFIT } from './unfit-content.js';
import { VAULT_PROBLEMS, VAULT_WRITE_PROBLEMS } from '../vault-problems.js';
import { withoutUndefined } from '../without-undefined.js';
import { toChangeView } from '../changes/changes.dto.js';
import {
  createSecretBody,
  dryRun,
  editSecretBody,
  profileName,
  reason,
  secretId,
  secretResult,
  secretView,
} from './secrets.dto.js';
import { BLOCKED } from '../compliance/blocked.js';

type Result = { readonly secret?: SecretView; readonly change?: unknown } & Partial<ChangePreview>;

const params = z.object({ id: secretId });
const denied = accessErrors.accessDenied('claviger/secrets/prod/shop/database', 'update');
const { secretNotFound, secretNotActive, staleMatch } = secretErrors;

const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Create a secret',
  description:
    'Give `content`, or `generate` for a value that nobody sees. 202 while the outcome at the vault is not known.',
  needs:
    'create claviger/secrets/<profile>/<name> and create <profile>/data/<name>; create <sync profile>/data/<name> for each; update claviger/adopt/… or claviger/overwrite/… for those options',
  query: z.strictObject({ dryRun }),
  body: createSecretBody,
  status: 201,
  response: secretResult,
  etag: 'revision',
  mayBeAccepted: true,
  problems: [
    denied,
    nameInvalid('The name', 'contains a . or .. segment'),
    secretErrors.contentOrGenerate(),
    BLOCKED,
    ...UNFIT,
    secretErrors.vaultProfileUnknown('prod'),
    secretErrors.syncProfileIsSource('prod'),
    vaultProfileErrors.placeTaken({ profile: 'legacy', secret: 'shop/database' }, false),
    secretErrors.secretExists('prod', 'shop/database'),
    secretErrors.placeOccupied('prod', 'shop/database'),
    secretErrors.ownerUnknown(),
    secretErrors.placeDiffers('prod', 'shop/database'),
    secretErrors.vaultProfileDisabled('prod'),
    ...VAULT_PROBLEMS,
    ...VAULT_WRITE_PROBLEMS,
  ],
  example: {
    body: {
      name: 'shop/database',
      type: 'basic-auth',
      content: { username: 'shop', password: 'correct horse' },
      sourceProfile: 'prod',
      syncProfiles: ['standby'],
      description: 'Application user of the shop',
      owner: 'team-payments',
      labels: { team: 'payments' },
      rotationIntervalSeconds: 7_776_000,
      reason: 'first release',
    },
    dryRun: {
      plan: [
        { profile: 'prod', role: 'source', action: 'create', reason: 'Nothing is there yet.' },
        { profile: 'standby', role: 'target', action: 'conflict', reason: 'Something that is not ours is there.' },
      ],
      waitsFor: [],
    },
  },
});
const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List secrets',
  description: 'Those that you may list. With both `profile` and `name` it finds the one secret of that name.',
  needs: 'list claviger/secrets/<profile>/, for each profile',
  query: z.strictObject({
    ...pageQuery,
    profile: profileName.optional(),
    name: z.string().min(1).max(512).optional().meta({ description: 'Exactly this name; needs `profile`.' }),
    namePrefix: z.string().max(512).optional(),
    nameContains: z.string().max(512).optional(),
    type: z.enum(SECRET_TYPES).optional(),
    state: z.enum(SECRET_STATES).optional().meta({ description: 'Deleted secrets are listed only when asked for.' }),
    owner: z
      .string()
      .max(256)
      .optional()
      .meta({ description: 'Name of a user, service account or group; `me` for you and the groups that you are in.' }),
    label: z.string().max(320).optional().meta({ description: '`key` or `key=value`.', example: 'team=payments' }),
    expiringBefore: moment.optional(),
    replicationStatus: z
      .enum(TARGET_STATUSES)
      .optional()
      .meta({ description: 'With at least one target of this status.' }),
    sort: z.enum(['name', 'createdAt', 'updatedAt', 'expiresAt']).default('name'),
    order: z.enum(['asc', 'desc']).default('asc'),
  }),
  response: pageOf(secretView),
  problems: [secretNotFound()],
});
const get = defineEndpoint({
  method: 'GET',
  path: ':id',
  summary: 'Get a secret without its content',
  needs: 'read claviger/secrets/<profile>/<name>',
  params,
  response: secretView,
  etag: 'revision',
  problems: [secretNotFound()],
});
const edit = defineEndpoint({
  method: 'PATCH',
  path: ':id',
  summary: 'Change the attributes of a secret',
  description: 'Absent fields stay; null clears.',
  needs: 'update claviger/secrets/<profile>/<name>',
  params,
  query: z.strictObject({ dryRun }),
  body: editSecretBody,
  ifMatch: 'revision',
  response: secretResult,
  etag: 'revision',
  mayBeAccepted: true,
  problems: [
    denied,
    BLOCKED,
    secretErrors.ownerUnknown(),
    secretNotFound(),
    secretNotActive('deleting'),
    changeErrors.secretBusy(),
    secretErrors.sourceChanged(),
    staleMatch(4),
  ],
  example: { body: { description: 'Application user of the shop', owner: null, reason: 'the team was renamed' } },
});
const remove = defineEndpoint({
  method: 'DELETE',
  path: ':id',
  summary: 'Delete a secret everywhere, or forget it',
  description: 'Deletes it in every vault that holds it; with `retain=true` the vaults are left as they are.',
  needs: 'delete claviger/secrets/<profile>/<name>; and delete <profile>/metadata/<name> unless retain=true',
  params,
  query: z.strictObject({
    dryRun,
    retain: queryFlag('Forget the secret, and leave the vaults as they are.', false),
    reason,
  }),
  ifMatch: 'revision',
  response: secretResult,
  etag: 'revision',
  mayBeAccepted: true,
  problems: [
    denied,
    secretNotFound(),
    secretNotActive('creating'),
    secretErrors.notOurs('prod', 'shop/database'),
    secretErrors.deleteFuseBlown(100, 10),
    changeErrors.secretBusy(),
    secretErrors.sourceChanged(),
    staleMatch(4),
    ...VAULT_PROBLEMS,
  ],
});
const action = {
  params,
  body: z.strictObject({ reason }),
  response: secretResult,
  etag: 'revision',
  mayBeAccepted: true,
  problems: [
    denied,
    BLOCKED,
    secretNotFound(),
    secretNotActive('deleting'),
    changeErrors.secretBusy(),
    secretErrors.sourceChanged(),
  ],
  example: { body: { reason: 'incident 4711' } },
} as const;
const enable = defineEndpoint({
  ...action,
  method: 'POST',
  path: ':id/enable',
  summary: 'Enable a secret',
  needs: 'update claviger/secrets/<profile>/<name>',
});
const disable = defineEndpoint({
  ...action,
  method: 'POST',
  path: ':id/disable',
  summary: 'Disable a secret',
  description: 'Reads and updates of its content are refused and replication rests; the vaults stay untouched.',
  needs: 'update claviger/secrets/<profile>/<name>',
});

@Controller('api/v1/secrets')
export class SecretsController {
  constructor(
    private readonly secrets: SecretService,
    private readonly views: SecretViews,
  ) {}

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { query, body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Result> {
    const input = withoutUndefined(body);
    if (query.dryRun) return this.#plan(reply, await this.secrets.planCreate(ctx, input));
    const change = await this.secrets.create(ctx, input);
    void reply.header('location', `/api/v1/secrets/${change.secretId}`);
    return this.#result(ctx, reply, change, 201);
  }

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<SecretView>> {
    if (query.name !== undefined && query.profile !== undefined) {
      const { secret } = await this.secrets.findByName(ctx, query.profile, query.name);
      return { items: [await this.views.one(ctx, secret)], nextCursor: null };
    }
    if (query.name !== undefined) throw profileMissing();
    const { limit, cursor, order, label, expiringBefore, name: _, ...filters } = query;
    const after = fromCursor(cursor, positionIn(query.sort));
    const [key, value] = label === undefined ? [] : splitLabel(label);
    const rows = await this.secrets.list(ctx, {
      ...withoutUndefined(filters),
      limit: limit + 1,
      descending: order === 'desc',
      ...(after ? { after } : {}),
      ...(key === undefined ? {} : { label: { key, ...(value === undefined ? {} : { value }) } }),
      ...(expiringBefore === undefined ? {} : { expiringBefore: new Date(expiringBefore) }),
    });
    const page = toPage(rows, limit, (last) => ({
      sort: query.sort,
      value: sortValue(last[query.sort]),
      id: last.id,
    }));
    return { items: await this.views.many(ctx, page.items), nextCursor: page.nextCursor };
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { id } }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SecretView> {
    const { secret } = await this.secrets.find(ctx, id);
    void reply.header('etag', `"${secret.revision}"`);
    return this.views.one(ctx, secret);
  }

  @Endpoint(edit)
  async edit(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query, body, ifMatch }: InputOf<typeof edit>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Result> {
    const { reason: why, ...set } = withoutUndefined(body);
    const parameters = { set, ...(ifMatch === undefined ? {} : { expectedRevision: ifMatch }) };
    if (query.dryRun) return this.#plan(reply, await this.secrets.planEdit(ctx, id, parameters));
    return this.#result(ctx, reply, await this.secrets.edit(ctx, id, parameters, why), 200);
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query, ifMatch }: InputOf<typeof remove>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Result> {
    const options = withoutUndefined({ retain: query.retain, expectedRevision: ifMatch, reason: query.reason });
    if (query.dryRun) return this.#plan(reply, await this.secrets.planRemove(ctx, id, options));
    return this.#result(ctx, reply, await this.secrets.remove(ctx, id, options), 200);
  }

  @Endpoint(enable)
  async enable(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, body }: InputOf<typeof enable>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Result> {
    return this.#result(ctx, reply, await this.secrets.setDisabled(ctx, id, false, body.reason), 200);
  }

  @Endpoint(disable)
  async disable(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, body }: InputOf<typeof disable>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Result> {
    return this.#result(ctx, reply, await this.secrets.setDisabled(ctx, id, true, body.reason), 200);
  }

  async #result(ctx: RequestContext, reply: FastifyReply, change: ChangeEntity, status: number): Promise<Result> {
    const view = { change: toChangeView(change) };
    if (change.state !== 'done') {
      void reply.status(202);
      return view;
    }
    void reply.status(status);
    const secret = await this.secrets.peek(ctx, change.secretId!);
    void reply.header('etag', `"${secret.revision}"`);
    return { secret: await this.views.one(ctx, secret), ...view };
  }

  #plan(reply: FastifyReply, preview: ChangePreview): Result {
    void reply.status(200);
    return preview;
  }
}

/** Where a page ended, in a list of that order and no other. */
function positionIn<S extends string>(sort: S): z.ZodType<{ sort: S; value: string | null; id: string }> {
  const value = sort === 'name' ? z.string() : z.iso.datetime();
  return z.object({ sort: z.literal(sort), value: value.nullable(), id: z.uuid() });
}

const profileMissing = (): Error =>
  inputInvalid([{ pointer: 'query/name', message: 'needs profile as well; use namePrefix to look in all profiles' }]);

function splitLabel(label: string): [string, string?] {
  const at = label.indexOf('=');
  return at < 0 ? [label] : [label.slice(0, at), label.slice(at + 1)];
}

function sortValue(value: string | Date | null): string | null {
  return value instanceof Date ? value.toISOString() : value;
}
