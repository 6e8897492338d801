import { Readable } from 'node:stream';
import { Controller, Res, StreamableFile } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { MEDIA, REPORT_FORMATS, ReportService, type ReportView } from '@claviger/features/reports';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { withoutUndefined } from '../without-undefined.js';
import { create, get, getDocument, getSignature, list } from './reports.dto.js';

@Controller('api/v1/reports')
export class ReportsController {
  constructor(private readonly reports: ReportService) {}

  @Endpoint(list)
  async list(
    @Context() ctx: RequestContext,
    @Input() { query: { limit, cursor, ...filter } }: InputOf<typeof list>,
  ): Promise<Page<ReportView>> {
    const after = fromCursor(cursor, z.uuid());
    const query = withoutUndefined({ ...filter, limit: limit + 1, after });
    return toPage(await this.reports.list(ctx, query), limit, ({ id }) => id);
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ReportView> {
    const { kind, formats = REPORT_FORMATS, parameters = {} } = body;
    const report = await this.reports.request(ctx, { kind, formats, parameters });
    void reply.header('location', `/api/v1/reports/${report.id}`);
    return report;
  }

  @Endpoint(get)
  get(@Context() ctx: RequestContext, @Input() { params: { id } }: InputOf<typeof get>): Promise<ReportView> {
    return this.reports.get(ctx, id);
  }

  @Endpoint(getDocument)
  async document(
    @Context() ctx: RequestContext,
    @Input() { params: { id, format } }: InputOf<typeof getDocument>,
  ): Promise<StreamableFile> {
    const { kind, bytes, pieces } = await this.reports.document(ctx, id, format);
    const { type, ending } = MEDIA[format];
    // Saved, and never shown by a browser as a part of this site.
    const disposition = `attachment; filename="${kind}-${id}.${ending}"`;
    return new StreamableFile(Readable.from(pieces, { objectMode: false }), { type, disposition, length: bytes });
  }

  @Endpoint(getSignature)
  async signature(
    @Context() ctx: RequestContext,
    @Input() { params: { id, format } }: InputOf<typeof getSignature>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const signature = await this.reports.signature(ctx, id, format);
    void reply.header('content-type', 'application/jose');
    return signature;
  }
}
