import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors } from '@claviger/features/access';
import { changeErrors, type ChangeEntity } from '@claviger/features/changes';
import {
  replicationErrors,
  ReplicationService,
  TARGET_STATUSES,
  type TargetExplanation,
  type TargetView,
} from '@claviger/features/replication';
import { secretErrors, SecretService, SecretViews } from '@claviger/features/secrets';
import { vaultProfileErrors } from '@claviger/features/vault-profiles';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { instant } from '../../http/instant.js';
import { queryFlag } from '../../http/query-flag.js';
import { changeExample, changeView, toChangeView } from '../changes/changes.dto.js';
import { EXAMPLE } from '../examples.js';
import { VAULT_PROBLEMS } from '../vault-problems.js';
import { withoutUndefined } from '../without-undefined.js';
import { onConflict, profileName, reason, secretId } from './secrets.dto.js';
import { BLOCKED } from '../compliance/blocked.js';

const params = z.object({ id: secretId });
const targetParams = z.object({ id: secretId, profile: profileName });
const denied = accessErrors.accessDenied('claviger/secrets/prod/shop/database', 'update');
const { secretNotFound, secretNotActive } = secretErrors;

export const targetView = z
  .object({
    profile: z.string(),
    physicalName: z.string(),
    status: z.enum(TARGET_STATUSES),
    desired: z.object({ version: z.number().int(), presence: z.string() }),
    observed: z.object({
      version: z.number().int().nullable(),
      presence: z.string(),
      backendVersion: z.string().nullable(),
    }),
    ownership: z.string().meta({ description: '`marker`: proven at the vault; `ledger`: known here only.' }),
    error: z.object({ code: z.string(), cause: z.string(), action: z.string() }).nullable(),
    drift: z.object({ kind: z.string(), detectedAt: z.string() }).nullable(),
    overwrittenAt: z
      .string()
      .nullable()
      .meta({ description: 'When content that was no version of the secret was last replaced here.' }),
    attempts: z.number().int(),
    nextAttemptAt: instant.nullable(),
    verifiedAt: instant.nullable(),
    verifiedHow: z
      .string()
      .meta({ description: '`value`: compared by content; `metadata`: by its description; `none`: not at all.' }),
    syncedAt: instant.nullable(),
  })
  .meta({
    id: 'Target',
    example: {
      profile: 'standby',
      physicalName: 'shop/database',
      status: 'in_sync',
      desired: { version: 2, presence: 'present' },
      observed: { version: 2, presence: 'present', backendVersion: '2' },
      ownership: 'marker',
      error: null,
      drift: null,
      overwrittenAt: null,
      attempts: 0,
      nextAttemptAt: null,
      verifiedAt: EXAMPLE.later,
      verifiedHow: 'value',
      syncedAt: EXAMPLE.later,
    },
  });

const targetExample = targetView.meta()!['example'] as Record<string, unknown>;
const changed = z.object({ change: changeView });
const changedExample = (act: 'add' | 'remove'): unknown => ({
  change: { ...changeExample, kind: `secret.sync-profile.${act}`, baseVersion: null, result: {} },
});

const list = defineEndpoint({
  method: 'GET',
  path: ':id/targets',
  summary: 'Where a secret is replicated to, and how that stands',
  needs: 'read claviger/secrets/<profile>/<name>',
  params,
  response: z.object({ items: z.array(targetView) }),
  problems: [secretNotFound()],
  example: { response: { items: [targetExample] } },
});
const explanation = z
  .object({
    profile: z.string(),
    status: z.enum(TARGET_STATUSES),
    isEqual: z.boolean(),
    verified: z.object({ at: instant.nullable(), how: z.string() }),
    causes: z
      .array(z.object({ code: z.string(), cause: z.string(), action: z.string(), since: instant.nullable() }))
      .meta({ description: 'What stands in the way, the outermost first.' }),
    nextAction: z.string().meta({ description: 'What mends the outermost cause.' }),
    nextAttemptAt: instant.nullable(),
  })
  .meta({
    id: 'TargetExplanation',
    example: {
      profile: 'standby',
      status: 'retrying',
      isEqual: false,
      verified: { at: EXAMPLE.at, how: 'value' },
      causes: [
        {
          code: 'FAILS_ALIKE',
          cause: '12 of 14 targets of standby fail in the same way: it is the vault, not this secret.',
          action: 'Check that the vault is running and can be reached.',
          since: null,
        },
        {
          code: 'VAULT_UNAVAILABLE',
          cause: 'The vault does not answer. It was tried 4 times.',
          action: 'Check that the vault is running and can be reached.',
          since: null,
        },
      ],
      nextAction: 'Check that the vault is running and can be reached.',
      nextAttemptAt: EXAMPLE.later,
    },
  });
const explain = defineEndpoint({
  method: 'GET',
  path: ':id/targets/:profile/explain',
  summary: 'Why a target is not equal, and what to do next',
  needs: 'read claviger/secrets/<profile>/<name>',
  params: targetParams,
  response: explanation,
  problems: [secretNotFound(), replicationErrors.targetNotFound()],
});
const sync = defineEndpoint({
  method: 'POST',
  path: ':id/targets/:profile/sync',
  summary: 'Make a target equal now',
  description: 'Looks at what is there and overwrites drift.',
  needs: 'update claviger/secrets/<profile>/<name>',
  params: targetParams,
  body: z.strictObject({}),
  status: 202,
  response: targetView,
  problems: [denied, secretNotFound(), replicationErrors.targetNotFound(), replicationErrors.replicationPaused()],
  example: { body: {}, response: { ...targetExample, status: 'pending' } },
});
const add = defineEndpoint({
  method: 'POST',
  path: ':id/sync-profiles',
  summary: 'Replicate a secret to one more profile',
  needs:
    'update claviger/secrets/<profile>/<name>, read <profile>/data/<name> and create <sync profile>/data/<name>; update claviger/adopt/… or claviger/overwrite/… for those options',
  params,
  body: z.strictObject({ profile: profileName, onConflict, reason }),
  response: changed,
  mayBeAccepted: true,
  problems: [
    denied,
    secretNotFound(),
    secretNotActive('deleting'),
    BLOCKED,
    changeErrors.secretBusy(),
    secretErrors.sourceChanged(),
    secretErrors.placeOccupied('standby', 'shop/database'),
    secretErrors.vaultProfileDisabled('standby'),
    replicationErrors.targetExists(false),
    secretErrors.vaultProfileUnknown('standby'),
    secretErrors.syncProfileIsSource('standby'),
    secretErrors.nameUnfit('standby', 'shop/a b', 'no white space'),
    vaultProfileErrors.placeTaken({ profile: 'legacy', secret: 'shop/database' }, false),
    ...VAULT_PROBLEMS,
  ],
  example: { body: { profile: 'standby', onConflict: 'adopt-if-equal' }, response: changedExample('add') },
});
const remove = defineEndpoint({
  method: 'DELETE',
  path: ':id/sync-profiles/:profile',
  summary: 'Stop replicating to a profile',
  description: 'The copy stays where it is; with `purge=true` it is removed, if it is ours.',
  needs: 'update claviger/secrets/<profile>/<name>; and with purge=true delete at the sync profile',
  params: targetParams,
  query: z.strictObject({
    purge: queryFlag('Remove the copy as well, if it is ours.', false),
    reason,
  }),
  response: changed,
  mayBeAccepted: true,
  problems: [
    denied,
    secretNotFound(),
    replicationErrors.targetNotFound(),
    BLOCKED,
    secretErrors.deleteFuseBlown(100, 10),
    changeErrors.secretBusy(),
    secretErrors.sourceChanged(),
  ],
  example: { response: changedExample('remove') },
});

@Controller('api/v1/secrets')
export class SecretTargetsController {
  constructor(
    private readonly secrets: SecretService,
    private readonly replication: ReplicationService,
    private readonly views: SecretViews,
  ) {}

  @Endpoint(list)
  async list(
    @Context() ctx: RequestContext,
    @Input() { params: { id } }: InputOf<typeof list>,
  ): Promise<{ items: TargetView[] }> {
    await this.secrets.find(ctx, id);
    return { items: await this.replication.listTargets(ctx, id) };
  }

  @Endpoint(explain)
  async explain(
    @Context() ctx: RequestContext,
    @Input() { params: { id, profile } }: InputOf<typeof explain>,
  ): Promise<TargetExplanation> {
    const { secret } = await this.secrets.find(ctx, id);
    const { waiting, ...view } = await this.views.one(ctx, secret);
    return this.replication.explain(ctx, id, { ...view, waiting: waiting[0] ?? null }, profile);
  }

  @Endpoint(sync)
  async sync(
    @Context() ctx: RequestContext,
    @Input() { params: { id, profile } }: InputOf<typeof sync>,
  ): Promise<TargetView> {
    const { secret, named } = await this.secrets.find(ctx, id, 'changeRecord');
    return this.replication.sync(ctx, { id: secret.id, name: `${named.profile}/${named.name}` }, profile);
  }

  @Endpoint(add)
  async add(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, body }: InputOf<typeof add>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    return answer(reply, await this.secrets.addSyncProfile(ctx, id, withoutUndefined(body)));
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { id, profile }, query }: InputOf<typeof remove>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    return answer(reply, await this.secrets.removeSyncProfile(ctx, id, { profile, ...withoutUndefined(query) }));
  }
}

function answer(reply: FastifyReply, change: ChangeEntity): { change: unknown } {
  if (change.state !== 'done') void reply.status(202);
  return { change: toChangeView(change) };
}
