import type { RequestContext } from '@claviger/kernel';
import type { AccessService } from '@claviger/features/access';
import type { ChangeEntity } from './change.entity.js';
import type { Need } from './executing-change.js';

/**
 * One's own changes may be seen, and dealt with by a token that may do what they do: the identity alone, which a child
 * token shares with its parents, gives nothing that its policies do not.
 * @throws AppError ACCESS_DENIED
 */
export function authorizeChange(
  access: AccessService,
  ctx: RequestContext,
  change: ChangeEntity,
  operation: 'read' | 'update',
): void {
  const isOwn = change.requestedBy.id === ctx.actor.rootId;
  const needs = change.parameters['needs'] as readonly Need[] | undefined;
  const mayDoIt = needs?.every((need) => access.can(ctx, need.path, need.operation)) ?? false;
  if (isOwn && (operation === 'read' || mayDoIt)) return;
  access.authorize(ctx, `claviger/changes/${change.id}`, operation);
}
