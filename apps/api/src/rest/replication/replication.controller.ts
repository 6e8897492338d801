import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors } from '@claviger/features/access';
import {
  replicationErrors,
  ReplicationService,
  TARGET_STATUSES,
  type ReplicationSummary,
} from '@claviger/features/replication';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { instant } from '../../http/instant.js';
import { EXAMPLE } from '../examples.js';

const counts = z.partialRecord(z.enum(TARGET_STATUSES), z.number().int());

const summary = defineEndpoint({
  method: 'GET',
  path: 'summary',
  summary: 'How replication stands',
  needs: 'read claviger/replication/summary',
  response: z.object({
    isPaused: z
      .boolean()
      .meta({ description: 'True while everything rests because the database was restored or copied.' }),
    totals: counts,
    profiles: z.array(z.object({ profile: z.string(), statuses: counts, oldestDueAt: instant.nullable() })),
  }),
  problems: [accessErrors.accessDenied('claviger/replication/summary', 'read')],
  example: {
    response: {
      isPaused: false,
      totals: { in_sync: 41, pending: 1, retrying: 0, drifted: 0, missing: 0, foreign: 0, blocked: 0, paused: 0 },
      profiles: [{ profile: 'standby', statuses: { in_sync: 41, pending: 1 }, oldestDueAt: EXAMPLE.at }],
    },
  },
});
const accept = defineEndpoint({
  method: 'POST',
  path: 'accept-restored-database',
  summary: 'Let replication go on with a restored or copied database',
  description: 'Every target then looks at its vault before it writes.',
  needs: 'update claviger/replication/accept-restored-database',
  body: z.strictObject({}),
  status: 204,
  problems: [
    accessErrors.accessDenied('claviger/replication/accept-restored-database', 'update'),
    replicationErrors.notPaused(),
  ],
  example: { body: {} },
});

@Controller('api/v1/replication')
export class ReplicationController {
  constructor(private readonly replication: ReplicationService) {}

  @Endpoint(summary)
  summary(@Context() ctx: RequestContext): Promise<ReplicationSummary> {
    return this.replication.summary(ctx);
  }

  @Endpoint(accept)
  async accept(@Context() ctx: RequestContext, @Input() _: InputOf<typeof accept>): Promise<void> {
    await this.replication.acceptRestoredDatabase(ctx);
  }
}
