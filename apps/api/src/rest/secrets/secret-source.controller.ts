import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors } from '@claviger/features/access';
import { changeErrors, type ChangePreview } from '@claviger/features/changes';
import { replicationErrors } from '@claviger/features/replication';
import {
  secretErrors,
  SecretService,
  SecretViews,
  SourceChangeService,
  type SecretView,
} from '@claviger/features/secrets';
import { vaultProfileErrors } from '@claviger/features/vault-profiles';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { changeExample, toChangeView } from '../changes/changes.dto.js';
import { VAULT_PROBLEMS } from '../vault-problems.js';
import { withoutUndefined } from '../without-undefined.js';
import { dryRun, onConflict, profileName, reason, secretId, secretResult, secretView } from './secrets.dto.js';

type Result = { readonly secret?: SecretView; readonly change?: unknown } & Partial<ChangePreview>;

const secretExample = secretView.meta()!['example'] as Record<string, unknown>;
const notEqual = { cause: 'The vault is sealed.', action: 'Unseal the vault.' };

const move = defineEndpoint({
  method: 'PUT',
  path: ':id/source-profile',
  summary: 'Change where a secret is managed',
  description:
    'The content is made equal at the new profile first, and read there; then that is the source, and the old one a sync profile. Reads go on meanwhile, and older versions are read where they were managed. Under approval it waits for both profiles. When it is the source already, the answer has no `change`.',
  needs:
    'update claviger/secrets/<profile>/<name> and read <profile>/data/<name>; create claviger/secrets/<new profile>/<name> and create <new profile>/data/<name>; update claviger/adopt/… or claviger/overwrite/… for those options',
  params: z.object({ id: secretId }),
  query: z.strictObject({ dryRun }),
  body: z.strictObject({ profile: profileName, onConflict, reason }),
  ifMatch: 'revision',
  response: secretResult,
  etag: 'revision',
  mayBeAccepted: true,
  problems: [
    accessErrors.accessDenied('claviger/secrets/prod/shop/database', 'update'),
    secretErrors.secretNotFound(),
    secretErrors.secretNotActive('deleting'),
    secretErrors.secretDisabled(),
    secretErrors.staleMatch(4),
    secretErrors.sourceChanged(),
    secretErrors.sourceDrifted(2),
    secretErrors.versionUnavailable(2, 'deleted'),
    secretErrors.secretExists('standby', 'shop/database'),
    secretErrors.placeOccupied('standby', 'shop/database'),
    secretErrors.placeDiffers('standby', 'shop/database'),
    secretErrors.newSourceNotEqual('standby', 'VAULT_SEALED', notEqual),
    secretErrors.newSourceUnreadable('standby', accessErrors.accessDenied('standby/data/shop/database', 'read')),
    secretErrors.vaultProfileUnknown('standby'),
    secretErrors.vaultProfileDisabled('standby'),
    secretErrors.nameUnfit('standby', 'shop/a b', 'no white space'),
    secretErrors.contentTooLarge('standby', 70_000, 65_536),
    secretErrors.numberInexact('standby', '/limit'),
    vaultProfileErrors.placeTaken({ profile: 'legacy', secret: 'shop/database' }, false),
    replicationErrors.targetExists(true),
    changeErrors.secretBusy(),
    changeErrors.changeOvertaken(),
    ...VAULT_PROBLEMS,
  ],
  example: {
    body: { profile: 'standby', onConflict: 'adopt-if-equal', reason: 'prod is being replaced' },
    response: {
      secret: { ...secretExample, sourceProfile: 'standby' },
      change: {
        ...changeExample,
        kind: 'secret.source-profile',
        baseVersion: null,
        result: { version: 2, from: 'prod', to: 'standby' },
      },
    },
    dryRun: {
      plan: [
        { profile: 'standby', role: 'source', action: 'create', reason: 'Nothing is there yet.' },
        {
          profile: 'prod',
          role: 'target',
          action: 'retain',
          reason: 'Stays as it is, and is a sync profile from then on.',
        },
      ],
      waitsFor: [],
    },
  },
});

@Controller('api/v1/secrets')
export class SecretSourceController {
  constructor(
    private readonly sources: SourceChangeService,
    private readonly secrets: SecretService,
    private readonly views: SecretViews,
  ) {}

  @Endpoint(move)
  async move(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query, body, ifMatch }: InputOf<typeof move>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Result> {
    const input = withoutUndefined({ ...body, expectedRevision: ifMatch });
    if (query.dryRun) return this.sources.plan(ctx, id, input);
    const change = await this.sources.change(ctx, id, input);
    const shown = change && { change: toChangeView(change) };
    if (change && change.state !== 'done') {
      void reply.status(202);
      return shown!;
    }
    const secret = await this.secrets.peek(ctx, id);
    void reply.header('etag', `"${secret.revision}"`);
    return { secret: await this.views.one(ctx, secret), ...shown };
  }
}
