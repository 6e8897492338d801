import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { ReportService, type ReportPublicKey } from '@claviger/features/reports';
import { Context } from '../../http/context.decorator.js';
import { Endpoint } from '../../http/endpoint.js';
import { listKeys } from './reports.dto.js';

@Controller('api/v1/report-keys')
export class ReportKeysController {
  constructor(private readonly reports: ReportService) {}

  @Endpoint(listKeys)
  async list(@Context() ctx: RequestContext): Promise<{ keys: ReportPublicKey[] }> {
    return { keys: await this.reports.keys(ctx) };
  }
}
