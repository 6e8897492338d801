import { Injectable } from '@nestjs/common';
import { ComplianceResults, SEVERITIES as FOUND, type ComplianceResult } from '@claviger/features/compliance';
import { Database } from '@claviger/platform/database';
import { Findings } from '../findings.js';
import type {
  Conclusion,
  ReportBatch,
  ReportColumn,
  ReportDefinition,
  ReportRow,
  ReportScope,
  ReportTally,
  Section,
  Severity,
  Trend,
} from '../report-definition.js';
import { isMeant } from '../secrets-at.js';
import { DAY_MS, instant, labelList } from './cells.js';
import { countByProfile, countCompliance, type ComplianceCounts } from './compliance-counts.js';

const COLUMNS: readonly ReportColumn[] = [
  { name: 'severity', title: 'Severity', type: 'text', width: 1.5 },
  { name: 'vaultProfile', title: 'Vault profile', type: 'text', width: 3 },
  { name: 'secret', title: 'Secret', type: 'text', width: 4 },
  { name: 'owner', title: 'Owner', type: 'text', width: 3 },
  { name: 'rule', title: 'Rule', type: 'text', width: 3 },
  { name: 'title', title: 'What is broken', type: 'text', width: 5 },
  { name: 'since', title: 'Since', type: 'instant', width: 3 },
  { name: 'waivedUntil', title: 'Waived until', type: 'instant', width: 3 },
  { name: 'remediation', title: 'What to do', type: 'text', width: 5 },
  { name: 'waiverReason', title: 'Reason of the waiver', type: 'text' },
  { name: 'waivedBy', title: 'Waived by', type: 'text' },
  { name: 'mode', title: 'Mode', type: 'text' },
  { name: 'profile', title: 'Compliance profile', type: 'text' },
  { name: 'profileVersion', title: 'Its version', type: 'number' },
  { name: 'type', title: 'Type', type: 'text' },
  { name: 'labels', title: 'Labels', type: 'list' },
  { name: 'version', title: 'Version', type: 'number' },
  { name: 'secretId', title: 'Secret id', type: 'text' },
];

const PROFILE_COLUMNS: readonly ReportColumn[] = [
  { name: 'vaultProfile', title: 'Vault profile', type: 'text', width: 4 },
  { name: 'secrets', title: 'Secrets', type: 'number', width: 1 },
  { name: 'judged', title: 'Judged', type: 'number', width: 1 },
  { name: 'compliant', title: 'Compliant', type: 'number', width: 1 },
  ...[...FOUND].reverse().map((name) => ({ name, title: titled(name), type: 'number', width: 1 }) as const),
  { name: 'waived', title: 'Waived', type: 'number', width: 1 },
];

const BATCH = 500;
const TREND_POINTS = 12;
/** Most rows of a table beside the rows. */
const MOST_PROFILES = 200;

/** Which rules were broken at the moment, and what excused it. */
@Injectable()
export class ComplianceReport implements ReportDefinition {
  readonly kind = 'compliance';
  readonly title = 'Compliance';
  readonly description =
    'Every rule that a secret broke at the moment, with the waiver that excused it where there was one. Findings count what was not waived; secrets that no profile judges are counted as not judged.';
  readonly columns = COLUMNS;

  constructor(
    private readonly results: ComplianceResults,
    private readonly database: Database,
  ) {}

  /** Not known before the results are read. */
  async expected(): Promise<number> {
    return 0;
  }

  /** By the ids of secret and compliance profile, and the rule. */
  async *batches(scope: ReportScope): AsyncGenerator<ReportBatch> {
    const { ctx, moment, parameters, profileId } = scope;
    const filter = {
      asOf: moment,
      limit: BATCH,
      ...(profileId !== undefined && { vaultProfile: profileId }),
      ...(parameters.owner !== undefined && { owner: parameters.owner }),
    };
    let after: ComplianceResult | undefined;
    do {
      const results = await this.results.list(ctx, { ...filter, ...(after && { after }) });
      // Profile and owner are what was asked for already.
      const meant = results.filter((one) => isMeant({ ...one, profileId: profileId ?? '' }, scope));
      yield { scanned: results.length, rows: meant.map(rowOf) };
      after = results.length === BATCH ? results.at(-1) : undefined;
    } while (after);
  }

  async tally(scope: ReportScope): Promise<ReportTally> {
    const points = pointsOf(scope);
    const counts = await countCompliance(this.database, scope, points);
    return new ComplianceTally(counts.at(-1)!, trendOf(points, counts), await this.#profiles(scope));
  }

  async #profiles(scope: ReportScope): Promise<Section> {
    const counts = await countByProfile(this.database, scope, MOST_PROFILES);
    const rows = counts.map(({ profileId, broken, ...rest }) => ({
      vaultProfile: scope.profileNames.get(profileId) ?? profileId,
      ...rest,
      ...broken,
    }));
    return { title: `Vault profiles (at most ${MOST_PROFILES})`, columns: PROFILE_COLUMNS, rows };
  }
}

/** Evenly over the period, the last of them the moment. */
function pointsOf({ moment, parameters }: ReportScope): Date[] {
  const step = (parameters.periodDays! * DAY_MS) / TREND_POINTS;
  return Array.from(
    { length: TREND_POINTS + 1 },
    (_, index) => new Date(moment.getTime() - Math.round((TREND_POINTS - index) * step)),
  );
}

function trendOf(points: readonly Date[], counts: readonly ComplianceCounts[]): Trend {
  return {
    title: 'Broken rules that were not waived, over time',
    labels: points.map((at) => at.toISOString().slice(0, 16).replace('T', ' ')),
    series: [...FOUND].reverse().map((name) => ({ name, values: counts.map(({ broken }) => broken[name]) })),
  };
}

function rowOf(result: ComplianceResult): ReportRow {
  const { waiver } = result;
  return {
    severity: result.severity,
    vaultProfile: result.vaultProfile,
    secret: result.secret,
    owner: result.owner,
    rule: result.rule,
    title: result.title,
    since: instant(result.since),
    waivedUntil: waiver && instant(new Date(waiver.until)),
    remediation: result.remediation,
    waiverReason: waiver?.reason ?? null,
    waivedBy: waiver?.requestedBy.name ?? null,
    mode: result.mode,
    profile: result.profile,
    profileVersion: result.profileVersion,
    type: result.type,
    labels: labelList(result.labels),
    version: result.version,
    secretId: result.secretId,
  };
}

class ComplianceTally implements ReportTally {
  readonly #findings = new Findings();
  #broken = 0;
  #excused = 0;

  constructor(
    private readonly counts: ComplianceCounts,
    private readonly trend: Trend,
    private readonly profiles: Section,
  ) {}

  add(row: ReportRow): void {
    if (row['waivedUntil'] !== null) {
      this.#excused += 1;
      return;
    }
    this.#broken += 1;
    const name = `${String(row['vaultProfile'])}/${String(row['secret'])}`;
    const code = `${String(row['profile'])}/${String(row['rule'])}`;
    this.#findings.add({ severity: row['severity'] as Severity, code, title: `Broken: ${String(row['title'])}` }, name);
  }

  end(): Conclusion {
    const { secrets, judged, compliant } = this.counts;
    return {
      summary: [
        { name: 'Secrets', value: secrets },
        { name: 'Judged by a profile', value: judged },
        { name: 'Of these compliant', value: compliant },
        { name: 'Broken rules', value: this.#broken },
        { name: 'Broken and waived', value: this.#excused },
      ],
      trend: this.trend,
      findings: this.#findings.list(),
      sections: [this.profiles],
    };
  }
}

function titled(word: string): string {
  return word[0]!.toUpperCase() + word.slice(1);
}
