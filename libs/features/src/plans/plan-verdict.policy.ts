import type { ErrorKind } from '@claviger/kernel';
import type { ReviewStep } from '@claviger/features/changes';
import type { PlanKind } from './plan-request.js';

/** What an item would do altogether: what it does at its source, unless something stands in its way. */
export const PLAN_ACTIONS = [
  'create',
  'adopt',
  'update',
  'no-op',
  'delete',
  'retain',
  'conflict',
  'blocked',
] as const satisfies readonly ReviewStep['action'][];
export type PlanAction = (typeof PLAN_ACTIONS)[number];

/** What each kind of item does where no vault says more. */
const BY_ITSELF: Readonly<Record<PlanKind, PlanAction>> = {
  'secret.create': 'create',
  'secret.adopt': 'adopt',
  'secret.content': 'update',
  'secret.content.patch': 'update',
  'secret.rotate': 'update',
  'secret.restore': 'update',
  'secret.attributes': 'update',
  'secret.enable': 'update',
  'secret.disable': 'update',
  'secret.delete': 'delete',
  'secret.sync-profile.add': 'create',
  'secret.sync-profile.remove': 'retain',
  'secret.source-profile': 'update',
  'secret.version.delete': 'delete',
  'secret.version.undelete': 'update',
  'secret.version.destroy': 'delete',
};

/** Kinds that change something also when nothing is written at the source. */
const DOES_MORE: ReadonlySet<PlanKind> = new Set(['secret.delete', 'secret.source-profile']);

/**
 * What an item would do, of what it would do at each vault. A conflict anywhere is one of the whole; so is a source that
 * cannot be asked. A target that cannot be asked is not: replication goes on trying.
 */
export function actionOf(kind: PlanKind, steps: readonly ReviewStep[], isUnchanged: boolean): PlanAction {
  if (isUnchanged) return 'no-op';
  // What is not ours at a target is left alone, and the secret is deleted all the same.
  const counted = kind === 'secret.delete' ? steps.filter(({ role }) => role === 'source') : steps;
  if (counted.some(({ action }) => action === 'conflict')) return 'conflict';
  const source = steps.find(({ role }) => role === 'source');
  if (source) return source.action === 'no-op' && DOES_MORE.has(kind) ? BY_ITSELF[kind] : source.action;
  const [only] = steps;
  return only && only.action !== 'blocked' ? only.action : BY_ITSELF[kind];
}

/** What a refusal makes of an item: something else is there, or it is not possible. */
export function actionOfRefusal(kind: ErrorKind): PlanAction {
  return kind === 'conflict' ? 'conflict' : 'blocked';
}

/** True for an item that would be refused if it was applied. */
export function isUnready(action: PlanAction | null): boolean {
  return action === 'conflict' || action === 'blocked';
}

/** The first vault at which something else would happen than was planned; undefined when there is none. */
export function firstDifference(
  planned: readonly ReviewStep[],
  now: readonly ReviewStep[],
): { readonly profile: string; readonly planned: string; readonly now: string } | undefined {
  for (const { profile, role } of [...planned, ...now]) {
    const of = (steps: readonly ReviewStep[]): string =>
      steps.find((step) => step.profile === profile && step.role === role)?.action ?? 'nothing';
    if (of(planned) !== of(now)) return { profile, planned: of(planned), now: of(now) };
  }
  return undefined;
}
