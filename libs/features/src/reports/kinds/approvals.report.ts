import { Injectable } from '@nestjs/common';
import { Database } from '@claviger/platform/database';
import { Findings } from '../findings.js';
import type {
  ReportBatch,
  ReportColumn,
  ReportDefinition,
  ReportRow,
  ReportScope,
  ReportTally,
} from '../report-definition.js';
import { SecretsAt } from '../secrets-at.js';
import { WAIVERS_COLUMN } from '../waivers-at.js';
import { ApprovalsAt, type ApprovalAt } from './approvals-at.js';
import { Buckets, DAY_MS, instant } from './cells.js';
import { hasRequesterVoted, judgeFourEyes, type FourEyes } from './four-eyes.policy.js';

const COLUMNS: readonly ReportColumn[] = [
  { name: 'requestedAt', title: 'Requested', type: 'instant', width: 3 },
  { name: 'change', title: 'Change', type: 'text', width: 3 },
  { name: 'subject', title: 'About', type: 'text', width: 4 },
  { name: 'vaultProfiles', title: 'Vault profiles', type: 'list' },
  { name: 'requester', title: 'Requester', type: 'text', width: 2.5 },
  { name: 'requesterId', title: 'Requester identity', type: 'text' },
  { name: 'outcome', title: 'Outcome', type: 'text', width: 2 },
  { name: 'changeState', title: 'State of the change', type: 'text' },
  { name: 'fourEyes', title: 'Four eyes', type: 'text', width: 2 },
  { name: 'requesterVoted', title: 'Requester voted', type: 'flag' },
  { name: 'steps', title: 'Steps (votes of needed)', type: 'list', width: 3 },
  { name: 'votes', title: 'Votes', type: 'list', width: 5 },
  { name: 'comments', title: 'Comments', type: 'number' },
  { name: 'breakGlassBy', title: 'Broke the glass', type: 'text', width: 2.5 },
  { name: 'breakGlassAt', title: 'Broken at', type: 'instant' },
  { name: 'reviewedBy', title: 'Reviewed by', type: 'text', width: 2.5 },
  { name: 'reviewedAt', title: 'Reviewed at', type: 'instant' },
  { name: 'decidedAt', title: 'Decided', type: 'instant' },
  { name: 'changeId', title: 'Change id', type: 'text' },
  { name: 'secretId', title: 'Secret id', type: 'text' },
  WAIVERS_COLUMN,
];

/** Every gated change, with what proves that four eyes saw it. */
@Injectable()
export class ApprovalsReport implements ReportDefinition {
  readonly kind = 'approvals';
  readonly title = 'Approvals and four eyes';
  readonly description =
    'Every change that waited for approval in the period that ends with the moment, in the order of their requests. Four eyes are judged anew from the votes that there were at the moment.';
  readonly columns = COLUMNS;
  readonly #approvals: ApprovalsAt;

  constructor(database: Database, secrets: SecretsAt) {
    this.#approvals = new ApprovalsAt(database, secrets);
  }

  expected(scope: ReportScope): Promise<number> {
    return this.#approvals.count(scope, beginningOf(scope));
  }

  async *batches(scope: ReportScope): AsyncGenerator<ReportBatch> {
    for await (const { scanned, approvals } of this.#approvals.list(scope, beginningOf(scope)))
      yield { scanned, rows: approvals.map((approval) => rowOf(approval, scope.profileNames)) };
  }

  async tally(scope: ReportScope): Promise<ReportTally> {
    return new ApprovalsTally(beginningOf(scope), scope.moment);
  }
}

function beginningOf({ moment, parameters }: ReportScope): Date {
  return new Date(moment.getTime() - parameters.periodDays! * DAY_MS);
}

function rowOf(approval: ApprovalAt, names: ReadonlyMap<string, string>): ReportRow {
  const { votes, steps, subject, breakGlass, reviewed } = approval;
  const evidence = {
    ...approval,
    requestedBy: approval.requestedBy.id,
    isBreakGlass: breakGlass !== null,
    isReviewed: reviewed !== null,
  };
  return {
    requestedAt: instant(approval.createdAt),
    change: approval.kind,
    subject: subject.name,
    vaultProfiles: approval.vaultProfiles.map((id) => names.get(id) ?? id).sort(),
    requester: approval.requestedBy.name,
    requesterId: approval.requestedBy.id,
    outcome: approval.outcome,
    changeState: approval.changeState,
    fourEyes: judgeFourEyes(evidence),
    requesterVoted: hasRequesterVoted(evidence),
    steps: steps.map((step, index) => {
      const given = votes.filter((vote) => vote.step === index && vote.decision === 'approve').length;
      return `${index + 1}: ${given} of ${step.votes}`;
    }),
    votes: votes.map(describeVote),
    comments: approval.comments,
    breakGlassBy: breakGlass?.by.name ?? null,
    breakGlassAt: breakGlass?.at ?? null,
    reviewedBy: reviewed?.by.name ?? null,
    reviewedAt: reviewed?.at ?? null,
    decidedAt: instant(approval.closedAt),
    changeId: approval.id,
    secretId: approval.secretId,
  };
}

function describeVote({ voterName, representedName, decision, step, at }: ApprovalAt['votes'][number]): string {
  const who = voterName === representedName ? voterName : `${voterName} for ${representedName}`;
  return `${who}: ${decision} at step ${step + 1}, ${at}`;
}

class ApprovalsTally implements ReportTally {
  readonly #findings = new Findings();
  readonly #buckets: Buckets;
  readonly #outcomes = new Map<string, number>();
  readonly #fourEyes: Record<FourEyes, number> = { kept: 0, bypassed: 0, broken: 0, none: 0 };
  #count = 0;

  constructor(from: Date, to: Date) {
    this.#buckets = new Buckets(from, to).series('requested').series('decided');
  }

  add(row: ReportRow): void {
    const outcome = row['outcome'] as string;
    const fourEyes = row['fourEyes'] as FourEyes;
    const example = `${String(row['subject'])} (${String(row['changeId'])})`;
    this.#count += 1;
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
    this.#fourEyes[fourEyes] += 1;
    this.#buckets.add('requested', new Date(row['requestedAt'] as string));
    if (row['decidedAt'] !== null) this.#buckets.add('decided', new Date(row['decidedAt'] as string));
    if (fourEyes === 'broken')
      this.#findings.add(
        { severity: 'critical', code: 'FOUR_EYES_BROKEN', title: 'Changes executed without the votes of others' },
        example,
      );
    if (row['breakGlassBy'] === null) return;
    if (row['reviewedBy'] === null)
      this.#findings.add(
        { severity: 'high', code: 'BREAK_GLASS_UNREVIEWED', title: 'Broken glass that nobody has reviewed' },
        example,
      );
    else
      this.#findings.add(
        { severity: 'medium', code: 'BREAK_GLASS_REVIEWED', title: 'Broken glass that was reviewed' },
        example,
      );
  }

  end(): ReturnType<ReportTally['end']> {
    const outcomes = [...this.#outcomes].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      summary: [
        { name: 'Gated changes', value: this.#count },
        ...outcomes.map(([outcome, value]) => ({ name: `Of these ${outcome}`, value })),
        { name: 'Four eyes kept', value: this.#fourEyes.kept },
        { name: 'Four eyes bypassed (broken glass)', value: this.#fourEyes.bypassed },
        { name: 'Four eyes broken', value: this.#fourEyes.broken },
      ],
      trend: this.#buckets.trend('Requests and decisions'),
      findings: this.#findings.list(),
      sections: [],
    };
  }
}
