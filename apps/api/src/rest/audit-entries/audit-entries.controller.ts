import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors, AccessService } from '@claviger/features/access';
import { AUDIT_OUTCOMES, AuditReader, AuditService, type AuditEntryView } from '@claviger/features/audit';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, pageOf, pageQuery, toCursor, toPage, type Page } from '../../http/page.js';
import { instant, moment } from '../../http/instant.js';
import { EXAMPLE } from '../examples.js';
import { withoutUndefined } from '../without-undefined.js';

const date = moment.transform((text) => new Date(text));

const view = z
  .object({
    id: z.string(),
    at: instant,
    actor: z.object({
      type: z.string(),
      id: z.string(),
      accessor: z.string().nullable(),
      displayName: z.string(),
      rootId: z.string(),
    }),
    action: z.string(),
    outcome: z.enum(AUDIT_OUTCOMES),
    resource: z.object({ kind: z.string(), id: z.string().nullable(), name: z.string().nullable() }),
    requestId: z.string(),
    remoteAddress: z.string().nullable(),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({
    id: 'AuditEntry',
    example: {
      id: '01a1ff05-3dca-7375-a57c-5b92c1e320bb',
      at: EXAMPLE.later,
      actor: {
        type: 'token',
        id: '01a1ff04-dcf2-741e-ac81-08a31f794057',
        accessor: EXAMPLE.accessor,
        displayName: EXAMPLE.requester.name,
        rootId: EXAMPLE.requester.id,
      },
      action: 'secret.content.read',
      outcome: 'allowed',
      resource: { kind: 'secret', id: EXAMPLE.secretId, name: 'prod/shop/database' },
      requestId: EXAMPLE.requestId,
      remoteAddress: '127.0.0.1',
      details: { version: 2 },
    },
  });

const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List audit entries',
  description:
    'Newest first. A search that takes long answers with what it has found so far, perhaps nothing, and with a `nextCursor` to go on from. That the entries are complete and unchanged is shown by `npm run audit -- verify`.',
  needs: 'list claviger/audit-entries/',
  query: z.strictObject({
    ...pageQuery,
    actor: z.string().max(256).optional(),
    action: z
      .string()
      .max(128)
      .optional()
      .meta({ description: '`secret.content.read`, or `secret` for every action on secrets.' }),
    outcome: z.enum(AUDIT_OUTCOMES).optional(),
    resourceKind: z.string().max(64).optional(),
    resource: z.string().max(600).optional().meta({ description: 'Id or name.' }),
    requestId: z.string().max(64).optional(),
    from: date.optional(),
    to: date.optional(),
  }),
  response: pageOf(view),
  problems: [accessErrors.accessDenied('claviger/audit-entries/', 'list')],
});

const place = z.object({ day: z.iso.date(), batch: z.uuid(), position: z.int().positive() });

@Controller('api/v1/audit-entries')
export class AuditEntriesController {
  constructor(
    private readonly reader: AuditReader,
    private readonly audit: AuditService,
    private readonly access: AccessService,
  ) {}

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<AuditEntryView>> {
    this.access.authorize(ctx, 'claviger/audit-entries/', 'list');
    const { limit, cursor, ...filters } = query;
    const after = fromCursor(cursor, place);
    const { entries, resumeAt } = await this.reader.list(ctx, {
      ...withoutUndefined(filters),
      limit: limit + 1,
      ...(after ? { after } : {}),
    });
    const resource = { kind: 'audit-entries' };
    await this.audit.commit(ctx, this.audit.entry(ctx, { action: 'audit.list', outcome: 'allowed', resource }));
    const { items, nextCursor } = toPage(entries, limit, (row) => row.place);
    return {
      items: items.map(({ entry }) => entry),
      nextCursor: nextCursor ?? (resumeAt ? toCursor(resumeAt) : null),
    };
  }
}
