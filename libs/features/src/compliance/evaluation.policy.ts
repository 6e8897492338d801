import type { Assignable } from './assignment.policy.js';
import { isAssigned } from './assignment.policy.js';
import { judgeRule } from './compiled-rules.js';
import type { CompiledProfile } from './compliance-directory.js';
import { factsOf, nextChangeAt } from './facts/facts-of.js';
import type { PresentState } from './facts/secret-state.js';

/** A secret as it is to be judged. */
export type Judged = { readonly secretId: string; readonly vaultProfile: string; readonly state: PresentState };

/** What one profile finds in a secret. */
export type Judgement = {
  readonly profile: CompiledProfile;
  /** Ids of the rules that it breaks. */
  readonly broken: readonly string[];
};

/** What all profiles find in a secret, and when one of them can find something else while the secret stays as it is. */
export type Evaluation = { readonly judgements: readonly Judgement[]; readonly changesAt: Date | null };

/** Judges a secret by all profiles that are assigned to it. Pure. */
export function evaluate(
  { vaultProfile, state }: Omit<Judged, 'secretId'>,
  profiles: readonly CompiledProfile[],
  now: Date,
): Evaluation {
  const at: Assignable = { vaultProfile, labels: state.labels };
  const assigned = profiles.filter((profile) => isAssigned(profile, at));
  if (assigned.length === 0) return { judgements: [], changesAt: null };
  const facts = factsOf(state, now);
  const judgements = assigned.map((profile) => ({
    profile,
    broken: profile.rules.filter((rule) => judgeRule(rule, state.type, facts) === 'broken').map(({ id }) => id),
  }));
  const thresholds = assigned.flatMap(({ rules }) => rules.flatMap((rule) => rule.thresholds));
  return { judgements, changesAt: nextChangeAt(state, thresholds, now) };
}

export type Schedule = {
  readonly now: Date;
  /** When a result can change by time alone. */
  readonly changesAt: Date | null;
  /** How long everything is as it is. */
  readonly steadySince: Date;
  /** Longest time between two looks. */
  readonly intervalMs: number;
};

const SOONEST_MS = 2_000;

/**
 * When to look at a secret next: when time changes a result; again soon while its copies are on their way, less and less often while they
 * stay where they are; and after the interval in any case, spread over a fifth of it.
 */
export function nextLookAt({ secretId, state }: Judged, { now, changesAt, steadySince, intervalMs }: Schedule): Date {
  const spread = Number.parseInt(secretId.slice(-4), 16) / 0x1_0000;
  const looks = [now.getTime() + intervalMs * (1 - spread / 5)];
  if (changesAt) looks.push(changesAt.getTime());
  if (state.copies.some(({ status }) => status !== 'in_sync'))
    looks.push(now.getTime() + Math.max(SOONEST_MS, (now.getTime() - steadySince.getTime()) / 2));
  return new Date(Math.min(...looks));
}
