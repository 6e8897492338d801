import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import type { ChangeEntity, ChangePreview } from '@claviger/features/changes';
import { ContentService, type ContentDiff, type VersionView, type WriteResult } from '@claviger/features/secrets';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { toChangeView } from '../changes/changes.dto.js';
import { withoutUndefined } from '../without-undefined.js';
import {
  adopt,
  destroy,
  diff,
  overwrite,
  patch,
  read,
  remove,
  requestRead,
  restore,
  rotate,
  undelete,
  versions,
  write,
} from './secret-content.dto.js';
import { versionNumber, type writeResult } from './secrets.dto.js';

type Written = Omit<z.input<typeof writeResult>, keyof ChangePreview> & Partial<ChangePreview>;

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

  @Endpoint(requestRead)
  async requestRead(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, body }: InputOf<typeof requestRead>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const change = await this.content.requestRead(ctx, id, withoutUndefined(body));
    if (change.state !== 'done') void reply.status(202);
    return { change: toChangeView(change) };
  }

  @Endpoint(write)
  async write(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query, body, ifMatch }: InputOf<typeof write>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Written> {
    const input = withoutUndefined({ ...body, baseVersion: ifMatch });
    if (query.dryRun) return this.content.planWrite(ctx, id, input);
    return answer(reply, await this.content.write(ctx, id, input));
  }

  @Endpoint(patch)
  async patch(
    @Context() ctx: RequestContext,
    @Input() { params: { id }, query, body, ifMatch }: InputOf<typeof patch>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Written> {
    const input = withoutUndefined({ ...body, baseVersion: ifMatch });
    if (query.dryRun) return this.content.planPatch(ctx, id, input);
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
