import { Injectable } from '@nestjs/common';
import type { HeardEvent } from '@claviger/features/notifications';
import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { Assignment } from './assignment.policy.js';

/** Events that say nothing about a secret that rules could judge. */
const IRRELEVANT = /^(compliance|waiver|webhook|change)\./;

/**
 * Which secrets are to be looked at, and when. Rows are locked in the order of the secrets, so that nobody who marks many waits for
 * somebody who waits for them.
 */
@Injectable()
export class ComplianceDue {
  constructor(private readonly database: Database) {}

  /** Marks the secrets that events are about: directly, or as what an approval is about. */
  async hear(tx: RequestContext, events: readonly HeardEvent[]): Promise<void> {
    const subjects = events.filter(({ type }) => !IRRELEVANT.test(type)).flatMap(({ subjectId }) => subjectId ?? []);
    if (subjects.length === 0) return;
    await this.#mark(
      tx,
      `id = any(array(
         select unnest($2::uuid[]) union all select secret_id from change where store_id = $1 and id = any($2)))`,
      [[...new Set(subjects)]],
    );
  }

  /**
   * Marks what profiles with these assignments judge, by what is known of secrets now, and what the profile has judged until now, whatever
   * became of that since. One statement, so that rows are locked in one order.
   */
  async markFor(tx: RequestContext, profileId: string, assignments: readonly Assignment[]): Promise<void> {
    const vaultProfiles = assignments.flatMap((one) => one.vaultProfiles);
    const selectors = assignments.flatMap((one) => one.labelSelectors.map((selector) => JSON.stringify(selector)));
    const judged = `select secret_id from compliance_evaluation where store_id = $1 and profile_id = $4 and to_at is null`;
    const where = `source_profile_id = any($2) or labels @> any($3::jsonb[]) or id = any(array(${judged}))`;
    await this.#mark(tx, where, [vaultProfiles, selectors, profileId]);
  }

  /** Marks secrets that nobody has marked ever. */
  async markMissing(tx: RequestContext): Promise<void> {
    const known = `select from compliance_state c where c.store_id = $1 and c.secret_id = secret.id`;
    await this.#mark(tx, `state <> 'deleted' and not exists (${known})`, []);
  }

  /** Marks those whose value is that of one of these fingerprints, but the ones given. */
  async markSharing(ctx: RequestContext, fingerprints: readonly string[], except: readonly string[]): Promise<void> {
    if (fingerprints.length === 0) return;
    const sharing = `select secret_id from compliance_state where store_id = $1 and fingerprint = any($2)`;
    await this.#mark(ctx, `id = any(array(${sharing})) and id <> all($3)`, [fingerprints, except]);
  }

  /** Takes secrets whose time has come, in this transaction's name alone. */
  async claim(tx: RequestContext, now: Date, limit: number): Promise<string[]> {
    const rows = (await this.database.manager(tx).query(
      `select secret_id as id from compliance_state where store_id = $1 and due_at <= $2
       order by due_at limit $3 for update skip locked`,
      [tx.storeId, now, limit],
    )) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  /** Waits for these secrets, and takes them. */
  async take(tx: RequestContext, ids: readonly string[]): Promise<string[]> {
    const rows = (await this.database.manager(tx).query(
      `select secret_id as id from compliance_state where store_id = $1 and secret_id = any($2)
       order by secret_id for update`,
      [tx.storeId, ids],
    )) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  async #mark(ctx: RequestContext, where: string, values: readonly unknown[]): Promise<void> {
    await this.database.manager(ctx).query(
      `insert into compliance_state (store_id, secret_id, due_at)
       select store_id, id, now() from secret
       where store_id = $1 and state in ('active', 'deleting', 'deleted') and (${where}) order by id
       on conflict (store_id, secret_id) do update set due_at = excluded.due_at
         where compliance_state.due_at > excluded.due_at`,
      [ctx.storeId, ...values],
    );
  }
}
