import type { Requester } from '@claviger/features/changes';
import type { Database } from '@claviger/platform/database';
import type { ReportScope } from '../report-definition.js';
import { isMeant, type SecretsAt } from '../secrets-at.js';
import type { ApprovalEvidence } from './four-eyes.policy.js';

type Deed = { readonly by: Requester; readonly at: string };

/** A gated change as it stood at a moment. Comments are counted, not quoted. */
export type ApprovalAt = Pick<ApprovalEvidence, 'steps' | 'outcome'> & {
  readonly id: string;
  readonly kind: string;
  readonly subject: { readonly kind: string; readonly name: string };
  readonly requestedBy: Requester;
  readonly vaultProfiles: readonly string[];
  /** That it is about, or was to make; null where it is about something else. */
  readonly secretId: string | null;
  readonly createdAt: Date;
  readonly closedAt: Date | null;
  readonly changeState: string;
  readonly breakGlass: Deed | null;
  readonly reviewed: Deed | null;
  readonly votes: readonly (ApprovalEvidence['votes'][number] & {
    readonly voterName: string;
    readonly representedName: string;
    readonly at: string;
  })[];
  readonly comments: number;
};

type Row = Omit<ApprovalAt, 'votes' | 'outcome' | 'comments'> & {
  readonly endedAt: Date | null;
  /** Of a secret that is to be created. */
  readonly owner: string | null;
  readonly labels: Readonly<Record<string, string>> | null;
};
type Vote = ApprovalAt['votes'][number] & { readonly approvalId: string };

const BATCH = 200;
const BEGINNING = '00000000-0000-0000-0000-000000000000';

/** Those that were open at some time between $3 and $2. */
const MEANT = `a.store_id = $1 and a.created_at <= $2 and (a.closed_at is null or a.closed_at >= $3)
  and ($4::uuid is null or $4 = any(a.vault_profiles))`;

/** States that end a change without its being executed. */
const REFUSALS = ['rejected', 'expired', 'cancelled', 'stale'] as const;

/** Reads gated changes as they stood at a moment. */
export class ApprovalsAt {
  constructor(
    private readonly database: Database,
    private readonly secrets: SecretsAt,
  ) {}

  async count({ ctx, moment, profileId }: ReportScope, from: Date): Promise<number> {
    const sql = `select count(*)::int as count from approval a where ${MEANT}`;
    const values = [ctx.storeId, moment, from, profileId ?? null];
    const [row] = (await this.database.manager(ctx).query(sql, values)) as [{ count: number }];
    return row.count;
  }

  /** In the order of their ids, which is that of their requests; `scanned` counts those that are not meant, too. */
  async *list(scope: ReportScope, from: Date): AsyncGenerator<{ scanned: number; approvals: readonly ApprovalAt[] }> {
    const { ctx, moment, profileId } = scope;
    for (let after = BEGINNING; ;) {
      const rows = (await this.database.manager(ctx).query(
        `select a.id, c.kind, c.parameters->'subject' as subject, c.requested_by as "requestedBy", a.steps,
           a.vault_profiles as "vaultProfiles", a.created_at as "createdAt", a.closed_at as "closedAt",
           c.state as "changeState", c.ended_at as "endedAt", a.break_glass as "breakGlass", a.reviewed,
           c.secret_id as "secretId", c.parameters->>'owner' as owner, c.parameters->'labels' as labels
         from approval a join change c on c.store_id = a.store_id and c.id = a.id
         where ${MEANT} and a.id > $5 order by a.id limit ${BATCH}`,
        [ctx.storeId, moment, from, profileId ?? null, after],
      )) as Row[];
      const meant = await this.#meant(scope, rows);
      const ids = meant.map(({ id }) => id);
      const [votes, comments] = [await this.#votes(scope, ids), await this.#comments(scope, ids)];
      const approvals = meant.map((row) => asOf(row, moment, votes.get(row.id) ?? [], comments.get(row.id) ?? 0));
      yield { scanned: rows.length, approvals };
      if (rows.length < BATCH) return;
      after = rows.at(-1)!.id;
    }
  }

  /** By the owner and labels of the secret at the moment, or that it was asked to be created with. */
  async #meant(scope: ReportScope, rows: readonly Row[]): Promise<readonly Row[]> {
    const { owner, labels } = scope.parameters;
    if (owner === undefined && labels === undefined) return rows;
    const ids = rows.flatMap(({ secretId }) => secretId ?? []);
    const secrets = await this.secrets.find(scope.ctx, ids, scope.moment);
    return rows.filter((row) => {
      const known = secrets.get(row.secretId ?? '') ?? { owner: row.owner, labels: row.labels ?? {} };
      // The vault profile is one of those that the approval is about.
      return isMeant({ ...known, profileId: scope.profileId ?? '' }, scope);
    });
  }

  async #votes({ ctx, moment }: ReportScope, ids: readonly string[]): Promise<Map<string, Vote[]>> {
    const rows = (await this.database.manager(ctx).query(
      `select approval_id as "approvalId", voter_id as "voterId", represented_id as "representedId",
         voter_name as "voterName", represented_name as "representedName", step, decision, created_at as at
       from approval_vote where store_id = $1 and approval_id = any($2::uuid[]) and created_at <= $3
       order by created_at, voter_id`,
      [ctx.storeId, ids, moment],
    )) as (Omit<Vote, 'at'> & { readonly at: Date })[];
    const found = new Map<string, Vote[]>();
    for (const { at, ...vote } of rows)
      found.set(vote.approvalId, [...(found.get(vote.approvalId) ?? []), { ...vote, at: at.toISOString() }]);
    return found;
  }

  async #comments({ ctx, moment }: ReportScope, ids: readonly string[]): Promise<Map<string, number>> {
    const rows = (await this.database.manager(ctx).query(
      `select approval_id as id, count(*)::int as count from approval_comment
       where store_id = $1 and approval_id = any($2::uuid[]) and created_at <= $3 group by approval_id`,
      [ctx.storeId, ids, moment],
    )) as { id: string; count: number }[];
    return new Map(rows.map(({ id, count }) => [id, count]));
  }
}

function asOf(row: Row, moment: Date, votes: readonly Vote[], comments: number): ApprovalAt {
  const { endedAt, owner: _owner, labels: _labels, ...known } = row;
  const isClosed = row.closedAt !== null && row.closedAt <= moment;
  const isEnded = endedAt !== null && endedAt <= moment;
  const outcome = isClosed ? outcomeOf(row.changeState) : 'waiting';
  return {
    ...known,
    outcome,
    closedAt: isClosed ? row.closedAt : null,
    changeState: isEnded ? row.changeState : outcome,
    breakGlass: until(row.breakGlass, moment),
    reviewed: until(row.reviewed, moment),
    votes,
    comments,
  };
}

function outcomeOf(state: string): ApprovalAt['outcome'] {
  return REFUSALS.find((refusal) => refusal === state) ?? 'approved';
}

function until(deed: Deed | null, moment: Date): Deed | null {
  return deed && new Date(deed.at) <= moment ? deed : null;
}
