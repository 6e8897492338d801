import type { Voters } from '@claviger/features/principals';
import type { RequestContext } from '@claviger/kernel';
import type { ApprovalStep } from './approval-profile.entity.js';

/** Steps with the names that users and groups have now; who is gone is left out. */
export async function namedSteps<S extends ApprovalStep>(
  ctx: RequestContext,
  voters: Voters,
  steps: readonly S[],
): Promise<S[]> {
  const users = await voters.findUsers(ctx, 'id', [...new Set(steps.flatMap((step) => step.users))]);
  const groups = await voters.findGroups(ctx, 'id', [...new Set(steps.flatMap((step) => step.groups))]);
  const names = new Map([...users, ...groups].map(({ id, name }) => [id, name]));
  const named = (ids: readonly string[]): string[] => ids.flatMap((id) => names.get(id) ?? []).sort();
  return steps.map((step) => ({ ...step, users: named(step.users), groups: named(step.groups) }));
}
