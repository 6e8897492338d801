import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { ComplianceResults, type ComplianceResult, type ComplianceStatus } from '@claviger/features/compliance';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { withoutUndefined } from '../without-undefined.js';
import { results, statuses } from './results.dto.js';

const position = z.object({ secretId: z.uuid(), profileId: z.uuid(), rule: z.string().max(63) });

type Which = {
  readonly asOf?: string | undefined;
  readonly secret?: string | undefined;
  readonly label?: string | undefined;
};

@Controller('api/v1/compliance')
export class ComplianceResultsController {
  constructor(private readonly found: ComplianceResults) {}

  @Endpoint(results)
  async list(
    @Context() ctx: RequestContext,
    @Input() { query }: InputOf<typeof results>,
  ): Promise<Page<ComplianceResult>> {
    const { limit, cursor, waived, ...filter } = query;
    const after = fromCursor(cursor, position);
    const wanted = { ...whichOf(filter), isWaived: waived, limit: limit + 1, after };
    const rows = await this.found.list(ctx, withoutUndefined(wanted));
    return toPage(rows, limit, ({ secretId, profileId, rule }) => ({ secretId, profileId, rule }));
  }

  @Endpoint(statuses)
  async status(
    @Context() ctx: RequestContext,
    @Input() { query }: InputOf<typeof statuses>,
  ): Promise<Page<ComplianceStatus>> {
    const { limit, cursor, ...filter } = query;
    const after = fromCursor(cursor, z.string().max(256));
    const rows = await this.found.status(ctx, withoutUndefined({ ...whichOf(filter), limit: limit + 1, after }));
    return toPage(rows, limit, ({ key }) => key);
  }
}

/** A filter as it comes in, as the service takes it. */
function whichOf<F extends Which>({ asOf, secret, label, ...filter }: F) {
  const at = label?.indexOf('=') ?? -1;
  return {
    ...filter,
    asOf: asOf === undefined ? undefined : new Date(asOf),
    secretId: secret,
    label:
      label === undefined
        ? undefined
        : at < 0
          ? { key: label }
          : { key: label.slice(0, at), value: label.slice(at + 1) },
  };
}
