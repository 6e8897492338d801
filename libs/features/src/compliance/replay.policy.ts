import { isAssigned, type Assignment } from './assignment.policy.js';
import { factsIn, judgeRule, type CompiledRule } from './compiled-rules.js';
import { FACTS } from './facts/fact-catalogue.js';
import { factsOf } from './facts/facts-of.js';
import type { SecretState } from './facts/secret-state.js';
import type { Outcome, Rule } from './rule.js';

/** What a replay found at one moment. */
export type MomentResult = {
  /** ISO 8601. */
  readonly at: string;
  /** Secrets that were there and that the rules would have judged. */
  readonly secrets: number;
  /** By the ids of rules. */
  readonly rules: Readonly<
    Record<string, Readonly<Record<Outcome, number>> & { readonly examples: readonly string[] }>
  >;
};

/** A secret as it was. */
export type PastSecret = { readonly secretId: string; readonly vaultProfile: string; readonly state: SecretState };

const MAX_EXAMPLES = 20;
const NONE = { holds: 0, broken: 0, not_applicable: 0, examples: [] };

export function emptyResult(at: Date, rules: readonly Rule[]): MomentResult {
  return { at: at.toISOString(), secrets: 0, rules: Object.fromEntries(rules.map(({ id }) => [id, NONE])) };
}

/** Adds what rules would have found in more secrets at the moment of a result. Pure. */
export function replay(
  before: MomentResult,
  secrets: readonly PastSecret[],
  { rules, assignment }: { readonly rules: readonly CompiledRule[]; readonly assignment: Assignment },
): MomentResult {
  const moment = new Date(before.at);
  const counted = new Map(
    Object.entries(before.rules).map(([id, { examples, ...counts }]) => [id, { ...counts, examples: [...examples] }]),
  );
  let judged = before.secrets;
  for (const { secretId, vaultProfile, state } of secrets) {
    if (!isAssigned(assignment, { vaultProfile, labels: state.labels })) continue;
    judged += 1;
    const facts = factsOf({ ...state, verifiedAt: null }, moment);
    for (const rule of rules) {
      const outcome = judgeRule(rule, state.type, facts);
      const counts = counted.get(rule.id)!;
      counts[outcome] += 1;
      if (outcome === 'broken' && counts.examples.length < MAX_EXAMPLES) counts.examples.push(secretId);
    }
  }
  return { ...before, secrets: judged, rules: Object.fromEntries(counted) };
}

/** Rules that speak of what is known of the present only, each with the facts in question. */
export function unreplayable(rules: readonly Rule[]): { readonly index: number; readonly facts: readonly string[] }[] {
  return rules.flatMap(({ brokenWhen }, index) => {
    const facts = factsIn(brokenWhen).filter((name) => FACTS[name]!.knownAt === 'now');
    return facts.length > 0 ? [{ index, facts }] : [];
  });
}
