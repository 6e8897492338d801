import { comparisonsOf, compileCondition, type Condition, type Predicate } from '@claviger/features/rules';
import type { SecretType } from '@claviger/features/secrets';
import { FACTS } from './facts/fact-catalogue.js';
import type { FactValues, Threshold } from './facts/facts-of.js';
import type { Outcome, Rule } from './rule.js';

/** A rule ready to be judged by, many times. */
export type CompiledRule = Rule & {
  readonly isBroken: Predicate;
  /** It speaks of the content. */
  readonly isOfContent: boolean;
  /** The days that it compares facts with that time changes. */
  readonly thresholds: readonly Threshold[];
};

export function compileRule(rule: Rule): CompiledRule {
  const facts = factsIn(rule.brokenWhen);
  return {
    ...rule,
    isBroken: compileCondition(rule.brokenWhen),
    isOfContent: facts.some((name) => FACTS[name]!.isOfContent === true),
    thresholds: comparisonsOf(rule.brokenWhen).flatMap(({ fact, value }) => {
      if (!('counts' in FACTS[fact]!)) return [];
      const days = Array.isArray(value) ? (value as unknown[]) : [value];
      return days.filter((one) => typeof one === 'number').map((one) => ({ fact, days: one }));
    }),
  };
}

/** What a rule finds in a secret of that type with these facts. */
export function judgeRule({ types, isBroken }: CompiledRule, type: SecretType, facts: FactValues): Outcome {
  if (types !== null && !types.includes(type)) return 'not_applicable';
  return isBroken(facts) ? 'broken' : 'holds';
}

/** Names of the facts that a condition speaks of. */
export function factsIn(condition: Condition): string[] {
  return [...new Set(comparisonsOf(condition).map(({ fact }) => fact))];
}
