import { isAssigned } from './assignment.policy.js';
import { judgeRule, type CompiledRule } from './compiled-rules.js';
import type { CompiledProfile } from './compliance-directory.js';
import { factsOf } from './facts/facts-of.js';
import type { PresentState } from './facts/secret-state.js';

export type Stand = { readonly vaultProfile: string; readonly state: PresentState };

/** What one rule finds before and after a change; null where it does not judge the secret. */
export type RuleComparison = {
  readonly profile: CompiledProfile;
  readonly rule: CompiledRule;
  readonly before: 'holds' | 'broken' | null;
  readonly after: 'holds' | 'broken' | null;
};

/** All rules that judge a secret before or after a change. Pure. */
export function compareRules(
  profiles: readonly CompiledProfile[],
  { before, after, now }: { readonly before: Stand | undefined; readonly after: Stand; readonly now: Date },
): RuleComparison[] {
  const [judgeBefore, judgeAfter] = [before && judgeOf(before, now), judgeOf(after, now)];
  return profiles.flatMap((profile) =>
    profile.rules
      .map((rule) => ({
        profile,
        rule,
        before: judgeBefore?.(profile, rule) ?? null,
        after: judgeAfter(profile, rule),
      }))
      .filter((one) => one.before !== null || one.after !== null),
  );
}

/**
 * Whether a rule refuses the change: it breaks the rule and did not before, or it writes content and the rule is about content. So what is
 * broken already keeps nobody from mending something else.
 */
export function isRefused({ rule, before, after }: RuleComparison, writesContent: boolean): boolean {
  if (rule.mode !== 'block' || after !== 'broken') return false;
  return before !== 'broken' || (writesContent && rule.isOfContent);
}

function judgeOf(
  { vaultProfile, state }: Stand,
  now: Date,
): (profile: CompiledProfile, rule: CompiledRule) => 'holds' | 'broken' | null {
  const facts = factsOf(state, now);
  const at = { vaultProfile, labels: state.labels };
  const assigned = new Map<CompiledProfile, boolean>();
  return (profile, rule) => {
    let isIn = assigned.get(profile);
    if (isIn === undefined) assigned.set(profile, (isIn = isAssigned(profile, at)));
    if (!isIn) return null;
    const outcome = judgeRule(rule, state.type, facts);
    return outcome === 'not_applicable' ? null : outcome;
  };
}
