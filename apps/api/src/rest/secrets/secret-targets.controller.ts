import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import type { ChangeEntity } from '@claviger/features/changes';
import { ReplicationService, TARGET_STATUSES, type TargetView } from '@claviger/features/replication';
import { SecretService } from '@claviger/features/secrets';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { changeView, toChangeView } from '../changes/changes.dto.js';
import { withoutUndefined } from '../without-undefined.js';
import { onConflict, profileName, reason, secretId } from './secrets.dto.js';

const params = z.object({ id: secretId });
const targetParams = z.object({ id: secretId, profile: profileName });
const instant = z.date().meta({ override: { type: 'string', format: 'date-time' } });

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
  .meta({ id: 'Target' });

const changed = z.object({ change: changeView });

const list = defineEndpoint({
  method: 'GET',
  path: ':id/targets',
  summary: 'Where a secret is replicated to, and how that stands',
  needs: 'read claviger/secrets/<profile>/<name>',
  params,
  response: z.object({ items: z.array(targetView) }),
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
});
const remove = defineEndpoint({
  method: 'DELETE',
  path: ':id/sync-profiles/:profile',
  summary: 'Stop replicating to a profile',
  description: 'The copy stays where it is; with `purge=true` it is removed, if it is ours.',
  needs: 'update claviger/secrets/<profile>/<name>; and with purge=true delete at the sync profile',
  params: targetParams,
  query: z.strictObject({
    purge: z
      .enum(['true', 'false'])
      .default('false')
      .transform((text) => text === 'true')
      .meta({ override: { type: 'boolean' } }),
    reason,
  }),
  response: changed,
});

@Controller('api/v1/secrets')
export class SecretTargetsController {
  constructor(
    private readonly secrets: SecretService,
    private readonly replication: ReplicationService,
  ) {}

  @Endpoint(list)
  async list(
    @Context() ctx: RequestContext,
    @Input() { params: { id } }: InputOf<typeof list>,
  ): Promise<{ items: TargetView[] }> {
    await this.secrets.find(ctx, id);
    return { items: await this.replication.listTargets(ctx, id) };
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
