import { canonicalText } from '@claviger/features/changes';
import type { Evaluation } from './evaluation.policy.js';
import type { SecretState } from './facts/secret-state.js';
import type { Mode, Severity } from './rule.js';

/** The intervals of a secret that are open. */
export type OpenRecords = {
  readonly snapshot: {
    readonly id: string;
    readonly version: number;
    readonly vaultProfile: string;
    readonly state: SecretState;
  } | null;
  readonly evaluations: readonly OpenEvaluation[];
  readonly findings: readonly OpenFinding[];
};

export type OpenEvaluation = {
  readonly id: string;
  readonly version: number;
  readonly profileId: string;
  readonly profileVersion: number;
};
export type OpenFinding = OpenEvaluation & { readonly ruleId: string; readonly severity: Severity };

/** A rule that is broken now and was not, or the other way round. */
export type Turn = {
  readonly profileId: string;
  readonly profile: string;
  readonly rule: string;
  readonly severity: Severity;
  readonly mode: Mode;
};

/** What is to be written so that the open intervals are what was found. */
export type Difference = {
  /** Ids of intervals that end. */
  readonly ended: {
    readonly snapshots: readonly string[];
    readonly evaluations: readonly string[];
    readonly findings: readonly string[];
  };
  readonly hasNewSnapshot: boolean;
  readonly evaluations: readonly Omit<OpenEvaluation, 'id'>[];
  readonly findings: readonly Omit<OpenFinding, 'id'>[];
  readonly broken: readonly Turn[];
  readonly mended: readonly Turn[];
};

/** How a secret was found; without it, it is not judged any more. */
export type Found = {
  readonly version: number;
  readonly vaultProfile: string;
  readonly state: SecretState;
  readonly evaluation: Evaluation;
};

const keyOf = ({ profileId, ruleId }: Pick<OpenFinding, 'profileId' | 'ruleId'>): string => `${profileId}/${ruleId}`;

/** Compares what is open with what was found. Pure; when nothing has changed there is nothing to write. */
export function differenceOf(open: OpenRecords, found: Found | undefined): Difference {
  const { snapshot } = open;
  const isSame =
    found !== undefined &&
    snapshot !== null &&
    snapshot.vaultProfile === found.vaultProfile &&
    canonicalText(snapshot.state) === canonicalText(found.state);
  const judgements = found?.evaluation.judgements ?? [];
  const version = found?.version ?? 0;
  const evaluations = judgements.map(({ profile }) => ({
    version,
    profileId: profile.id,
    profileVersion: profile.version,
  }));
  const findings = judgements.flatMap(({ profile, broken }) =>
    broken.map((ruleId) => ({
      version,
      profileId: profile.id,
      profileVersion: profile.version,
      ruleId,
      severity: profile.rules.find(({ id }) => id === ruleId)!.severity,
    })),
  );
  const evaluated = compare(open.evaluations, evaluations, ({ profileId }) => profileId);
  const broken = compare(open.findings, findings, keyOf);
  return {
    ended: {
      snapshots: snapshot && !isSame ? [snapshot.id] : [],
      evaluations: evaluated.ended.map(({ id }) => id),
      findings: broken.ended.map(({ id }) => id),
    },
    hasNewSnapshot: found !== undefined && !isSame,
    evaluations: evaluated.begun,
    findings: broken.begun,
    ...turns(open, findings, judgements),
  };
}

/** An interval goes on as long as it is about the same versions. */
function compare<O extends OpenEvaluation, N extends Omit<OpenEvaluation, 'id'>>(
  open: readonly O[],
  now: readonly N[],
  key: (one: O | N) => string,
): { ended: O[]; begun: N[] } {
  const stamp = (one: O | N): string => `${key(one)} ${one.version} ${one.profileVersion}`;
  const [before, after] = [new Set(open.map(stamp)), new Set(now.map(stamp))];
  return { ended: open.filter((one) => !after.has(stamp(one))), begun: now.filter((one) => !before.has(stamp(one))) };
}

/** What a new version of secret or profile keeps as it was is no turn; nor is that a rule or its profile does not judge any more. */
function turns(
  open: OpenRecords,
  findings: readonly Omit<OpenFinding, 'id'>[],
  judgements: Evaluation['judgements'],
): Pick<Difference, 'broken' | 'mended'> {
  const [before, after] = [new Set(open.findings.map(keyOf)), new Set(findings.map(keyOf))];
  const broken: Turn[] = [];
  const mended: Turn[] = [];
  for (const { profile } of judgements) {
    for (const { id, severity, mode } of profile.rules) {
      const key = keyOf({ profileId: profile.id, ruleId: id });
      const turn = { profileId: profile.id, profile: profile.name, rule: id, severity, mode };
      if (after.has(key) && !before.has(key)) broken.push(turn);
      if (before.has(key) && !after.has(key)) mended.push(turn);
    }
  }
  return { broken, mended };
}
