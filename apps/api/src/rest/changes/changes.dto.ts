import { CHANGE_STATES, type ChangeEntity } from '@claviger/features/changes';
import { z } from 'zod';
import { instant } from '../../http/instant.js';
import { EXAMPLE } from '../examples.js';

export const changeView = z
  .object({
    id: z.string(),
    kind: z.string(),
    state: z.enum(CHANGE_STATES),
    secretId: z.string().nullable(),
    subject: z.string(),
    requestedBy: z.object({ id: z.string(), name: z.string() }),
    reason: z.string().nullable(),
    baseVersion: z.number().int().nullable(),
    result: z.record(z.string(), z.unknown()).nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    attempts: z.number().int(),
    createdAt: instant,
    endedAt: instant.nullable(),
  })
  .meta({
    id: 'Change',
    example: {
      id: EXAMPLE.changeId,
      kind: 'secret.content',
      state: 'done',
      secretId: EXAMPLE.secretId,
      subject: 'prod/shop/database',
      requestedBy: EXAMPLE.requester,
      reason: 'quarterly rotation',
      baseVersion: 1,
      result: { version: 2, secretId: EXAMPLE.secretId },
      error: null,
      attempts: 1,
      createdAt: EXAMPLE.at,
      endedAt: EXAMPLE.later,
    },
  });

/** A change as its example shows it, for the examples of what makes one. */
export const changeExample = changeView.meta()!['example'] as Record<string, unknown>;

/** A change as it is shown. */
export function toChangeView(change: ChangeEntity): z.infer<typeof changeView> {
  return {
    id: change.id,
    kind: change.kind,
    state: change.state,
    secretId: change.secretId,
    subject: (change.parameters['subject'] as { name: string }).name,
    requestedBy: change.requestedBy,
    reason: change.reason,
    baseVersion: change.baseVersion,
    result: change.result,
    error: change.errorCode === null ? null : { code: change.errorCode, message: change.errorMessage ?? '' },
    attempts: change.attempts,
    createdAt: change.createdAt,
    endedAt: change.endedAt,
  };
}
