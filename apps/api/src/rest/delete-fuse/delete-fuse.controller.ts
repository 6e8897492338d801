import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors } from '@claviger/features/access';
import { DeleteFuse, type DeleteFuseView } from '@claviger/features/secrets';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { instant } from '../../http/instant.js';
import { EXAMPLE } from '../examples.js';

const view = z
  .object({
    limit: z.number().int().meta({ description: 'Most deletions within the window; 0 for no limit.' }),
    windowSeconds: z.number().int(),
    deleted: z.number().int().meta({ description: 'Deletions within the window so far.' }),
    isBlown: z.boolean(),
    lifted: z
      .object({ until: instant, by: z.object({ id: z.string(), name: z.string() }), reason: z.string() })
      .nullable()
      .meta({ description: 'Set while it lets everything through.' }),
  })
  .meta({
    id: 'DeleteFuse',
    example: { limit: 100, windowSeconds: 600, deleted: 3, isBlown: false, lifted: null },
  });

const get = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'How the delete fuse stands',
  needs: 'read claviger/delete-fuse',
  response: view,
  problems: [accessErrors.accessDenied('claviger/delete-fuse', 'read')],
});
const lift = defineEndpoint({
  method: 'POST',
  path: 'lift',
  summary: 'Let many deletions through for a while',
  needs: 'update claviger/delete-fuse',
  body: z.strictObject({
    seconds: z.int().min(1).max(86_400).meta({ description: 'For how long.', example: 900 }),
    reason: z.string().trim().min(1).max(256),
  }),
  response: view,
  problems: [accessErrors.accessDenied('claviger/delete-fuse', 'update')],
  example: {
    body: { seconds: 900, reason: 'the old shop is taken down' },
    response: {
      ...(view.meta()!['example'] as object),
      lifted: { until: EXAMPLE.later, by: EXAMPLE.requester, reason: 'the old shop is taken down' },
    },
  },
});

@Controller('api/v1/delete-fuse')
export class DeleteFuseController {
  constructor(private readonly fuse: DeleteFuse) {}

  @Endpoint(get)
  get(@Context() ctx: RequestContext): Promise<DeleteFuseView> {
    return this.fuse.get(ctx);
  }

  @Endpoint(lift)
  lift(@Context() ctx: RequestContext, @Input() { body }: InputOf<typeof lift>): Promise<DeleteFuseView> {
    return this.fuse.lift(ctx, body.seconds, body.reason);
  }
}
