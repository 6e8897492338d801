import { CHANGE_STATES, type ChangeEntity } from '@claviger/features/changes';
import { z } from 'zod';

const instant = z.date().meta({ override: { type: 'string', format: 'date-time' } });

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
  .meta({ id: 'Change' });

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
