import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { CHANGE_STATES, changeErrors, ChangeService } from '@claviger/features/changes';
import { accessErrors } from '@claviger/features/access';
import { secretErrors } from '@claviger/features/secrets';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, pageOf, pageQuery, toPage, type Page } from '../../http/page.js';
import { EXAMPLE } from '../examples.js';
import { VAULT_PROBLEMS, VAULT_WRITE_PROBLEMS } from '../vault-problems.js';
import { changeExample, changeView, toChangeView } from './changes.dto.js';
import { BLOCKED } from '../compliance/blocked.js';

const params = z.object({ id: z.uuid().meta({ description: 'Id of the change.', example: EXAMPLE.changeId }) });
const denied = accessErrors.accessDenied('claviger/changes/', 'list');
type View = z.infer<typeof changeView>;

const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List changes',
  description: 'Newest first.',
  needs: 'list claviger/changes/',
  query: z.strictObject({
    ...pageQuery,
    state: z.enum(CHANGE_STATES).optional(),
    secret: z.uuid().optional().meta({ description: 'Of this secret only.' }),
    kind: z.string().max(64).optional(),
  }),
  response: pageOf(changeView),
  problems: [denied],
});
const get = defineEndpoint({
  method: 'GET',
  path: ':id',
  summary: 'Get a change',
  needs: 'read claviger/changes/<id>, or having requested it',
  params,
  response: changeView,
  problems: [changeErrors.changeNotFound()],
});
const cancel = defineEndpoint({
  method: 'POST',
  path: ':id/cancel',
  summary: 'Cancel a change that waits or has failed',
  needs: 'update claviger/changes/<id>, or having requested it',
  params,
  body: z.strictObject({}),
  response: changeView,
  problems: [denied, changeErrors.changeNotFound(), changeErrors.changeNotInState('done', 'waiting or failed')],
  example: { body: {}, response: { ...changeExample, state: 'cancelled', result: null } },
});
const retry = defineEndpoint({
  method: 'POST',
  path: ':id/retry',
  summary: 'Execute a failed change again',
  description: 'Possible for 24 hours after the failure, while what was to be written is kept.',
  needs: 'update claviger/changes/<id>, or having requested it',
  params,
  body: z.strictObject({}),
  response: changeView,
  problems: [
    denied,
    changeErrors.changeNotFound(),
    changeErrors.changeNotInState('done', 'failed'),
    BLOCKED,
    changeErrors.secretBusy(),
    secretErrors.staleMatch(4),
    secretErrors.changeStale(),
    ...VAULT_PROBLEMS,
    ...VAULT_WRITE_PROBLEMS,
  ],
  example: { body: {} },
});

@Controller('api/v1/changes')
export class ChangesController {
  constructor(private readonly changes: ChangeService) {}

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<View>> {
    const before = fromCursor(query.cursor, z.uuid());
    const rows = await this.changes.list(ctx, {
      limit: query.limit + 1,
      ...(before ? { before } : {}),
      ...(query.state ? { state: query.state } : {}),
      ...(query.secret ? { secretId: query.secret } : {}),
      ...(query.kind ? { kind: query.kind } : {}),
    });
    return toPage(rows.map(toChangeView), query.limit, ({ id }) => id);
  }

  @Endpoint(get)
  async get(@Context() ctx: RequestContext, @Input() { params: { id } }: InputOf<typeof get>): Promise<View> {
    return toChangeView(await this.changes.get(ctx, id));
  }

  @Endpoint(cancel)
  async cancel(@Context() ctx: RequestContext, @Input() { params: { id } }: InputOf<typeof cancel>): Promise<View> {
    return toChangeView(await this.changes.cancel(ctx, id));
  }

  @Endpoint(retry)
  async retry(@Context() ctx: RequestContext, @Input() { params: { id } }: InputOf<typeof retry>): Promise<View> {
    return toChangeView(await this.changes.retry(ctx, id));
  }
}
