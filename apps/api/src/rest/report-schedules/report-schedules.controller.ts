import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { REPORT_FORMATS, ReportScheduleService, type ScheduleView } from '@claviger/features/reports';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { tagged } from '../tagged.js';
import { withoutUndefined } from '../without-undefined.js';
import { create, get, list, remove, update } from './report-schedules.dto.js';

@Controller('api/v1/report-schedules')
export class ReportSchedulesController {
  constructor(private readonly schedules: ReportScheduleService) {}

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<ScheduleView>> {
    const rows = await this.schedules.list(ctx, query.limit + 1, fromCursor(query.cursor, z.string().max(128)));
    return toPage(rows, query.limit, ({ name }) => name);
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ScheduleView> {
    const { formats = REPORT_FORMATS, parameters = {}, weekday = null, dayOfMonth = null, isEnabled = true } = body;
    const given = { ...body, formats, parameters, weekday, dayOfMonth, isEnabled };
    const schedule = await this.schedules.create(ctx, given);
    void reply.header('location', `/api/v1/report-schedules/${schedule.name}`);
    return tagged(reply, schedule);
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { name } }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ScheduleView> {
    return tagged(reply, await this.schedules.get(ctx, name));
  }

  @Endpoint(update)
  async update(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, body, ifMatch }: InputOf<typeof update>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ScheduleView> {
    return tagged(reply, await this.schedules.update(ctx, name, withoutUndefined(body), ifMatch));
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, ifMatch }: InputOf<typeof remove>,
  ): Promise<void> {
    await this.schedules.remove(ctx, name, ifMatch);
  }
}
