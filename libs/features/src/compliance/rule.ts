import type { Condition } from '@claviger/features/rules';
import type { SecretType } from '@claviger/features/secrets';

export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** `observe` keeps what it finds, `warn` also tells of it, `block` also refuses changes that break the rule. */
export const MODES = ['observe', 'warn', 'block'] as const;
export type Mode = (typeof MODES)[number];

/** A rule as it is in force. */
export type Rule = {
  /** Names it within its profile, for as long as the profile has it. */
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  readonly mode: Mode;
  /** The types of secrets that it is about; null for all. To any other it is not applicable. */
  readonly types: readonly SecretType[] | null;
  /** Holds for the facts of a secret that breaks the rule. */
  readonly brokenWhen: Condition;
  /** What to do about it. */
  readonly remediation: string;
  /** Where it is from: `pack/rule`; null for a rule of one's own. */
  readonly from: string | null;
};

/** `not_applicable`: the rule is about other types of secrets. */
export const OUTCOMES = ['holds', 'broken', 'not_applicable'] as const;
export type Outcome = (typeof OUTCOMES)[number];
