import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors } from '@claviger/features/access';
import { changeErrors, type ChangeEntity } from '@claviger/features/changes';
import {
  ContentService,
  type ContentDiff,
  generateOptionsSchema,
  secretErrors,
  type VersionView,
  type WriteResult,
} from '@claviger/features/secrets';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, pageOf, pageQuery, toPage, type Page } from '../../http/page.js';
import { changeExample, toChangeView } from '../changes/changes.dto.js';
import { UNFIT } from './unfit-content.js';
import { VAULT_PROBLEMS, VAULT_WRITE_PROBLEMS } from '../vault-problems.js';
import { withoutUndefined } from '../without-undefined.js';
import {
  contentIn,
  contentOut,
  dryRun,
  reason,
  secretId,
  versionNumber,
  versionView,
  writeResult,
} from './secrets.dto.js';

const params = z.object({ id: secretId });
const pointers = z.array(z.string());
const versionParams = z.object({ id: secretId, number: versionNumber });
const UPDATE = 'update <profile>/data/<name>';
const { secretNotFound, versionNotFound, versionUnavailable } = secretErrors;

/** What every use of content is refused for. */
const UNUSABLE = [
  accessErrors.accessDenied('prod/data/shop/database', 'update'),
  secretNotFound(),
  secretErrors.secretNotActive('deleting'),
  secretErrors.secretDisabled(),
  secretErrors.vaultProfileDisabled('prod'),
  ...VAULT_PROBLEMS,
];
const UNWRITABLE = [...UNUSABLE, ...VAULT_WRITE_PROBLEMS, changeErrors.secretBusy()];
const because = { reason: 'incident 4711' };
const stateExample = (act: string): unknown => ({
  version: 1,
  change: { ...changeExample, kind: `secret.version.${act}`, baseVersion: null, result: { version: 1 } },
});

const read = defineEndpoint({
  method: 'GET',
  path: ':id/content',
  summary: 'Read the content',
  description:
    'The newest version, or `version`. The ETag is the version. Answered only once the audit entry is durable.',
  needs: 'read <profile>/data/<name>',
  params,
  query: z.strictObject({ version: versionNumber.optional() }),
  response: contentOut,
  etag: 'version',
  problems: [...UNUSABLE, versionNotFound(), versionUnavailable(1, 'pruned'), secretErrors.sourceDrifted(2)],
});
const write = defineEndpoint({
  method: 'PUT',
  path: ':id/content',
  summary: 'Write a new version of the content',
  description: 'Equal content from a caller who may read makes no version and says so. If-Match is the version.',
  needs: UPDATE,
  params,
  query: z.strictObject({ dryRun }),
  body: z.strictObject({ content: contentIn, reason }),
  ifMatch: 'version',
  response: writeResult,
  etag: 'version',
  mayBeAccepted: true,
  problems: [...UNWRITABLE, ...UNFIT, secretErrors.staleMatch(3), secretErrors.changeStale()],
  example: { body: { content: { username: 'shop', password: 'battery staple' }, reason: 'quarterly rotation' } },
});
const patch = defineEndpoint({
  method: 'PATCH',
  path: ':id/content',
  summary: 'Change fields of the content',
  description:
    '`content` is a JSON merge patch (RFC 7396): its fields replace those of the newest version, null removes one, objects are ' +
    'merged. If-Match is the version; with `*` the patch is applied to whatever is the newest one.',
  needs: 'patch <profile>/data/<name>',
  params,
  query: z.strictObject({ dryRun }),
  body: z.strictObject({ content: contentIn, reason }),
  ifMatch: 'version',
  response: writeResult,
  etag: 'version',
  mayBeAccepted: true,
  problems: [...UNWRITABLE, ...UNFIT, secretErrors.staleMatch(3), secretErrors.changeStale()],
  example: { body: { content: { password: 'battery staple', oldPassword: null }, reason: 'quarterly rotation' } },
});
const diff = defineEndpoint({
  method: 'GET',
  path: ':id/diff',
  summary: 'Which fields differ between two versions',
  description: 'As JSON pointers; values are not told.',
  needs: 'read <profile>/data/<name>',
  params,
  query: z.strictObject({ from: versionNumber, to: versionNumber }),
  response: z.object({ added: pointers, removed: pointers, changed: pointers }),
  problems: [...UNUSABLE, versionNotFound(), versionUnavailable(1, 'pruned'), secretErrors.sourceDrifted(2)],
  example: { response: { added: ['/port'], removed: [], changed: ['/password'] } },
});
const rotate = defineEndpoint({
  method: 'POST',
  path: ':id/rotate',
  summary: 'Write a generated value that nobody sees',
  needs: UPDATE,
  params,
  body: z.strictObject({ generate: generateOptionsSchema, reason }),
  response: writeResult,
  etag: 'version',
  mayBeAccepted: true,
  problems: [...UNWRITABLE, ...UNFIT],
  example: { body: { generate: { username: 'shop', length: 40 }, reason: 'quarterly rotation' } },
});
const versions = defineEndpoint({
  method: 'GET',
  path: ':id/versions',
  summary: 'List the versions',
  description: 'Newest first; they outlive the secret.',
  needs: 'read claviger/secrets/<profile>/<name>',
  params,
  query: z.strictObject(pageQuery),
  response: pageOf(versionView),
  problems: [secretNotFound(), ...VAULT_PROBLEMS],
});
const restore = defineEndpoint({
  method: 'POST',
  path: ':id/versions/:number/restore',
  summary: 'Make an old version the newest one',
  needs: UPDATE,
  params: versionParams,
  body: z.strictObject({ reason }),
  response: writeResult,
  etag: 'version',
  mayBeAccepted: true,
  problems: [...UNWRITABLE, versionNotFound(), versionUnavailable(1, 'pruned')],
  example: { body: because },
});
const remove = defineEndpoint({
  method: 'DELETE',
  path: ':id/versions/:number',
  summary: 'Delete a version, for now',
  description: 'It can be brought back with undelete.',
  needs: 'update <profile>/delete/<name>',
  params: versionParams,
  query: z.strictObject({ reason }),
  ifMatch: 'revision',
  response: writeResult,
  mayBeAccepted: true,
  problems: [
    ...UNWRITABLE,
    versionNotFound(),
    versionUnavailable(1, 'pruned'),
    secretErrors.notOurs('prod', 'shop/database'),
    secretErrors.staleMatch(4),
  ],
  example: { response: stateExample('delete') },
});
const undelete = defineEndpoint({
  method: 'POST',
  path: ':id/versions/:number/undelete',
  summary: 'Bring a deleted version back',
  needs: 'update <profile>/undelete/<name>',
  params: versionParams,
  body: z.strictObject({ reason }),
  response: writeResult,
  mayBeAccepted: true,
  problems: [
    ...UNWRITABLE,
    versionNotFound(),
    versionUnavailable(1, 'pruned'),
    secretErrors.notOurs('prod', 'shop/database'),
  ],
  example: { body: because, response: stateExample('undelete') },
});
const destroy = defineEndpoint({
  method: 'POST',
  path: ':id/versions/:number/destroy',
  summary: 'Erase a version for good',
  needs: 'update <profile>/destroy/<name>',
  params: versionParams,
  body: z.strictObject({ reason }),
  response: writeResult,
  mayBeAccepted: true,
  problems: [
    ...UNWRITABLE,
    versionNotFound(),
    versionUnavailable(1, 'pruned'),
    secretErrors.notOurs('prod', 'shop/database'),
  ],
  example: { body: because, response: stateExample('destroy') },
});
const adopt = defineEndpoint({
  method: 'POST',
  path: ':id/drift/adopt',
  summary: 'Make what somebody put at the source a version',
  needs: `${UPDATE} and update claviger/adopt/<profile>/<name>`,
  params,
  body: z.strictObject({ reason }),
  response: writeResult,
  etag: 'version',
  mayBeAccepted: true,
  problems: [
    ...UNWRITABLE,
    ...UNFIT,
    secretErrors.noDrift(),
    secretErrors.nothingToAdopt(),
    secretErrors.changeStale(),
  ],
  example: { body: because, response: { version: 2, change: { ...changeExample, kind: 'secret.drift.adopt' } } },
});
const overwrite = defineEndpoint({
  method: 'POST',
  path: ':id/drift/overwrite',
  summary: 'Write the recorded content over what somebody put at the source',
  needs: `${UPDATE} and update claviger/overwrite/<profile>/<name>`,
  params,
  body: z.strictObject({ reason }),
  response: writeResult,
  etag: 'version',
  mayBeAccepted: true,
  problems: [...UNWRITABLE, secretErrors.noDrift(), secretErrors.sourceDrifted(2)],
  example: { body: because },
});

type Written = z.input<typeof writeResult>;

@Controller('api/v1/secrets')
export class SecretContentController {
  constructor(private readonly content: ContentService) {}

  @Endpoint(read)
  async read(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query }: InputOf<typeof read>,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const found = await this.content.read(ctx, id, query.version);
    // The content is kept as text from end to end, so that its numbers keep their digits.
    await reply
      .header('content-type', 'application/json')
      .header('etag', `"${found.number}"`)
      .send(`{"version":${found.number},"content":${found.content.reveal()}}`);
  }

  @Endpoint(write)
  async write(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query, body, ifMatch }: InputOf<typeof write>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Written> {
    const input = withoutUndefined({ ...body, baseVersion: ifMatch });
    if (query.dryRun) return { plan: await this.content.planWrite(ctx, id, input) };
    return answer(reply, await this.content.write(ctx, id, input));
  }

  @Endpoint(patch)
  async patch(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query, body, ifMatch }: InputOf<typeof patch>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Written> {
    const input = withoutUndefined({ ...body, baseVersion: ifMatch });
    if (query.dryRun) return { plan: await this.content.planPatch(ctx, id, input) };
    return answer(reply, await this.content.patch(ctx, id, input));
  }

  @Endpoint(diff)
  diff(@Context() ctx: RequestContext, @Input() { params: { id }, query }: InputOf<typeof diff>): Promise<ContentDiff> {
    return this.content.diff(ctx, id, query);
  }

  @Endpoint(rotate)
  async rotate(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, body }: InputOf<typeof rotate>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Written> {
    return answer(reply, await this.content.rotate(ctx, id, withoutUndefined(body)));
  }

  @Endpoint(versions)
  async versions(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query }: InputOf<typeof versions>,
  ): Promise<Page<VersionView>> {
    const page = withoutUndefined({ limit: query.limit + 1, before: fromCursor(query.cursor, versionNumber) });
    return toPage(await this.content.listVersions(ctx, id, page), query.limit, ({ number }) => number);
  }

  @Endpoint(restore)
  async restore(
    @Context() ctx: RequestContext,
    @Input() { params: { id, number }, body }: InputOf<typeof restore>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Written> {
    return answer(reply, await this.content.restore(ctx, id, number, withoutUndefined(body)));
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { id, number }, query, ifMatch }: InputOf<typeof remove>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Written> {
    const options = withoutUndefined({ expectedRevision: ifMatch, reason: query.reason });
    return stateAnswer(reply, await this.content.changeVersion(ctx, id, number, 'softDelete', options));
  }

  @Endpoint(undelete)
  async undelete(
    @Context() ctx: RequestContext,
    @Input() { params: { id, number }, body }: InputOf<typeof undelete>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Written> {
    return stateAnswer(reply, await this.content.changeVersion(ctx, id, number, 'undelete', withoutUndefined(body)));
  }

  @Endpoint(destroy)
  async destroy(
    @Context() ctx: RequestContext,
    @Input() { params: { id, number }, body }: InputOf<typeof destroy>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Written> {
    return stateAnswer(reply, await this.content.changeVersion(ctx, id, number, 'destroy', withoutUndefined(body)));
  }

  @Endpoint(adopt)
  async adopt(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, body }: InputOf<typeof adopt>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Written> {
    return answer(reply, { change: await this.content.adoptDrift(ctx, id, body.reason) });
  }

  @Endpoint(overwrite)
  async overwrite(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, body }: InputOf<typeof overwrite>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Written> {
    return answer(reply, await this.content.overwriteDrift(ctx, id, body.reason));
  }
}

function answer(reply: FastifyReply, result: WriteResult): Written {
  if ('unchanged' in result) {
    void reply.header('etag', `"${result.version}"`);
    return result;
  }
  const written = stateAnswer(reply, result.change);
  if (result.change.state === 'done' && written.version !== undefined)
    void reply.header('etag', `"${written.version}"`);
  return written;
}

/** The version is the one that was acted on: no ETag, which is the newest one's. */
function stateAnswer(reply: FastifyReply, change: ChangeEntity): Written {
  const version = change.result?.['version'] as number | undefined;
  if (change.state !== 'done') void reply.status(202);
  return { ...(version === undefined ? {} : { version }), change: toChangeView(change) };
}
