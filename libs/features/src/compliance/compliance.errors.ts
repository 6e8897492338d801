import { AppError } from '@claviger/kernel';

export const complianceProfileNotFound = (): AppError =>
  new AppError({
    code: 'COMPLIANCE_PROFILE_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no such compliance profile, or you may not see it.',
  });

export const complianceProfileExists = (name: string): AppError =>
  new AppError({
    code: 'COMPLIANCE_PROFILE_EXISTS',
    kind: 'conflict',
    message: `There is a compliance profile ${name} already.`,
  });

export const staleComplianceProfile = (version: number): AppError =>
  new AppError({
    code: 'STALE_MATCH',
    kind: 'precondition',
    message: `The compliance profile has changed since; it is at version ${version} now. Read it again.`,
    details: { revision: version },
  });

/** A rule that refuses a change, as it is told. */
export type BrokenRule = {
  readonly profile: string;
  readonly rule: string;
  readonly title: string;
  readonly remediation: string;
};

const WAIVE_IT = 'Mend that, or have the rule waived for the secret.';
/** There is nothing yet that a rule could be waived for. */
export const MEND_IT = 'Mend that, and ask again.';
/** It is in the vault already, and stays there unless something is done. */
export const REPLACE_IT =
  'Overwrite what was found with what is recorded, or write other content; or have the rule waived for the secret, and adopt it then.';

/** A change that would break rules that block, and what else can be done. Names rules, never a value. */
export const complianceBlocked = (rules: readonly BrokenRule[], wayOut: string = WAIVE_IT): AppError =>
  new AppError({
    code: 'COMPLIANCE_BLOCKED',
    kind: 'invalid',
    message:
      'The change is refused, because it would break ' +
      rules
        .map(({ profile, rule, title, remediation }) => `${profile}/${rule} (${title}: ${remediation})`)
        .join(', and ') +
      `. ${wayOut}`,
    details: { rules },
  });

/** Results are kept of what was, and nobody knows what will be. */
export const momentInFuture = (): AppError =>
  new AppError({ code: 'MOMENT_IN_FUTURE', kind: 'invalid', message: 'The moment is in the future. Give a past one.' });

export const ruleNotFound = (): AppError =>
  new AppError({
    code: 'COMPLIANCE_RULE_NOT_FOUND',
    kind: 'not_found',
    message: 'The compliance profile has no such rule in force, or it does not judge this secret.',
  });

export const waiverNotFound = (refusal?: unknown): AppError =>
  new AppError({
    code: 'WAIVER_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no such waiver in force, or you may not see it.',
    cause: refusal,
  });

export const waiverExists = (): AppError =>
  new AppError({
    code: 'WAIVER_EXISTS',
    kind: 'conflict',
    message: 'This rule is waived for this secret already. End that waiver first.',
  });

export const runNotFound = (): AppError =>
  new AppError({
    code: 'COMPLIANCE_RUN_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no such evaluation or replay.',
  });

/** What a scope names is not there. */
export const scopeUnknown = (): AppError =>
  new AppError({
    code: 'COMPLIANCE_SCOPE_UNKNOWN',
    kind: 'invalid',
    message: 'There is no such secret or vault profile. Give the id of a secret, or the id or name of a vault profile.',
  });

export const waiverInvalid = (message: string): AppError =>
  new AppError({ code: 'WAIVER_INVALID', kind: 'invalid', message });
