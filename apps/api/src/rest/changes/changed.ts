import type { ChangeEntity } from '@claviger/features/changes';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { toChangeView, type changeView } from './changes.dto.js';

/** Answers with a change; with 202 while it waits for approval. */
export function changed(reply: FastifyReply, change: ChangeEntity): { readonly change: z.infer<typeof changeView> } {
  if (change.state !== 'done') void reply.status(202);
  return { change: toChangeView(change) };
}
