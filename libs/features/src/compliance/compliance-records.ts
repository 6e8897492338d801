import { Injectable } from '@nestjs/common';
import { newId, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { Difference, OpenEvaluation, OpenFinding, OpenRecords } from './difference.policy.js';
import type { SecretState } from './facts/secret-state.js';

/** What one look at a secret leaves. */
export type Look = {
  readonly secretId: string;
  /** Null for a secret that is not judged any more. */
  readonly found: {
    readonly version: number;
    readonly vaultProfile: string;
    readonly state: SecretState;
    readonly fingerprint: string | null;
    readonly dueAt: Date;
  } | null;
  readonly difference: Difference;
};

type SnapshotRow = NonNullable<OpenRecords['snapshot']> & { readonly secretId: string; readonly fromAt: Date };
type Open = { readonly secretId: string };
export type OpenOfSecret = OpenRecords & { readonly since: Date | null };

/** The open intervals of secrets, and the writing of what has changed: a fixed number of statements, however many secrets. */
@Injectable()
export class ComplianceRecords {
  constructor(private readonly database: Database) {}

  async open(tx: RequestContext, ids: readonly string[]): Promise<ReadonlyMap<string, OpenOfSecret>> {
    const select = <T>(columns: string, table: string): Promise<T[]> =>
      this.database.manager(tx).query(
        `select id, secret_id as "secretId", version, ${columns} from ${table} where store_id = $1 and secret_id = any($2)
           and to_at is null`,
        [tx.storeId, ids],
      ) as Promise<T[]>;
    const profile = 'profile_id as "profileId", profile_version as "profileVersion"';
    const snapshots = await select<SnapshotRow>(
      'source_profile_id as "vaultProfile", state, from_at as "fromAt"',
      'compliance_snapshot',
    );
    const evaluations = await select<OpenEvaluation & Open>(profile, 'compliance_evaluation');
    const findings = await select<OpenFinding & Open>(
      `${profile}, rule_id as "ruleId", severity`,
      'compliance_finding',
    );
    const [evaluationsOf, findingsOf] = [bySecret(evaluations), bySecret(findings)];
    const snapshotOf = new Map(snapshots.map((row) => [row.secretId, row]));
    return new Map(
      ids.map((id) => {
        const snapshot = snapshotOf.get(id) ?? null;
        return [
          id,
          {
            snapshot,
            since: snapshot?.fromAt ?? null,
            evaluations: evaluationsOf.get(id) ?? [],
            findings: findingsOf.get(id) ?? [],
          },
        ];
      }),
    );
  }

  async write(tx: RequestContext, looks: readonly Look[], now: Date): Promise<void> {
    await this.#end(
      tx,
      'compliance_snapshot',
      looks.flatMap(({ difference }) => difference.ended.snapshots),
      now,
    );
    await this.#end(
      tx,
      'compliance_evaluation',
      looks.flatMap(({ difference }) => difference.ended.evaluations),
      now,
    );
    await this.#end(
      tx,
      'compliance_finding',
      looks.flatMap(({ difference }) => difference.ended.findings),
      now,
    );
    await this.#beginSnapshots(tx, looks, now);
    await this.#begin(tx, 'compliance_evaluation', of(looks, 'evaluations'), now);
    await this.#begin(tx, 'compliance_finding', of(looks, 'findings'), now);
    await this.#beDue(tx, looks, now);
  }

  /** How many living secrets hold the value of each of these fingerprints, as they were looked at last. */
  async countUses(ctx: RequestContext, fingerprints: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = (await this.database.manager(ctx).query(
      `select fingerprint, count(*)::int as uses from compliance_state
       where store_id = $1 and fingerprint = any($2) group by fingerprint`,
      [ctx.storeId, fingerprints],
    )) as { fingerprint: string; uses: number }[];
    return new Map(rows.map(({ fingerprint, uses }) => [fingerprint, uses]));
  }

  /** How many other secrets hold the value of this fingerprint, as they were looked at last. */
  async countOthers(ctx: RequestContext, fingerprint: string, secretId: string): Promise<number> {
    const [row] = (await this.database.manager(ctx).query(
      `select count(*)::int as others from compliance_state
       where store_id = $1 and fingerprint = $2 and secret_id <> $3`,
      [ctx.storeId, fingerprint, secretId],
    )) as [{ others: number }];
    return row.others;
  }

  /** Remembers the fingerprints of secrets; gives those that are new or not used any more. */
  async moveFingerprints(
    tx: RequestContext,
    given: readonly { readonly secretId: string; readonly fingerprint: string | null }[],
  ): Promise<string[]> {
    const [rows] = (await this.database.manager(tx).query(
      `with given as (select * from unnest($2::uuid[], $3::text[]) as g (secret_id, fingerprint)),
       before as (
         select s.secret_id, s.fingerprint from compliance_state s join given g using (secret_id) where s.store_id = $1
       )
       update compliance_state s set fingerprint = g.fingerprint
       from given g join before b using (secret_id)
       where s.store_id = $1 and s.secret_id = g.secret_id and s.fingerprint is distinct from g.fingerprint
       returning b.fingerprint as before, g.fingerprint as after`,
      [tx.storeId, given.map(({ secretId }) => secretId), given.map(({ fingerprint }) => fingerprint)],
    )) as [{ before: string | null; after: string | null }[], number];
    return [...new Set(rows.flatMap(({ before, after }) => [before, after]))].filter((one) => one !== null);
  }

  async #end(tx: RequestContext, table: string, ids: readonly string[], now: Date): Promise<void> {
    if (ids.length === 0) return;
    // The clocks of processes differ: an interval never ends before it begins.
    await this.database
      .manager(tx)
      .query(`update ${table} set to_at = greatest(from_at, $3) where store_id = $1 and id = any($2)`, [
        tx.storeId,
        ids,
        now,
      ]);
  }

  async #beginSnapshots(tx: RequestContext, looks: readonly Look[], now: Date): Promise<void> {
    const rows = looks
      .filter(({ difference }) => difference.hasNewSnapshot)
      .map(({ secretId, found }) => {
        const { version, vaultProfile, state } = found!;
        return { id: newId(), secret_id: secretId, version, source_profile_id: vaultProfile, state };
      });
    if (rows.length === 0) return;
    await this.database.manager(tx).query(
      `insert into compliance_snapshot (store_id, id, secret_id, version, name, type, source_profile_id, owner, labels,
         state, from_at)
       select $1, id, secret_id, version, state ->> 'name', state ->> 'type', source_profile_id, state ->> 'owner',
         state -> 'labels', state, $3
       from jsonb_to_recordset($2::jsonb)
         as r (id uuid, secret_id uuid, version integer, source_profile_id uuid, state jsonb)`,
      [tx.storeId, JSON.stringify(rows), now],
    );
  }

  async #begin(
    tx: RequestContext,
    table: string,
    rows: readonly (Omit<OpenEvaluation & Partial<OpenFinding>, 'id'> & Open)[],
    now: Date,
  ): Promise<void> {
    if (rows.length === 0) return;
    const isFinding = table === 'compliance_finding';
    const more = isFinding ? ', rule_id, severity' : '';
    const values: unknown[] = [
      tx.storeId,
      now,
      rows.map(() => newId()),
      rows.map(({ secretId }) => secretId),
      rows.map(({ version }) => version),
      rows.map(({ profileId }) => profileId),
      rows.map(({ profileVersion }) => profileVersion),
      ...(isFinding ? [rows.map(({ ruleId }) => ruleId), rows.map(({ severity }) => severity)] : []),
    ];
    await this.database.manager(tx).query(
      `insert into ${table} (store_id, from_at, id, secret_id, version, profile_id, profile_version${more})
       select $1, $2, r.* from unnest($3::uuid[], $4::uuid[], $5::integer[], $6::uuid[], $7::integer[]${
         isFinding ? ', $8::text[], $9::text[]' : ''
       }) as r`,
      values,
    );
  }

  async #beDue(tx: RequestContext, looks: readonly Look[], now: Date): Promise<void> {
    const found = looks.filter((look) => look.found !== null);
    await this.database.manager(tx).query(
      `update compliance_state s set due_at = g.due_at, evaluated_at = $4
       from unnest($2::uuid[], $3::timestamptz[]) as g (secret_id, due_at)
       where s.store_id = $1 and s.secret_id = g.secret_id`,
      [tx.storeId, found.map(({ secretId }) => secretId), found.map((look) => look.found!.dueAt), now],
    );
    const gone = looks.filter((look) => look.found === null).map(({ secretId }) => secretId);
    if (gone.length > 0)
      await this.database
        .manager(tx)
        .query(`delete from compliance_state where store_id = $1 and secret_id = any($2)`, [tx.storeId, gone]);
  }
}

function bySecret<T extends Open>(rows: readonly T[]): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const row of rows) {
    const of = found.get(row.secretId);
    if (of) of.push(row);
    else found.set(row.secretId, [row]);
  }
  return found;
}

function of<K extends 'evaluations' | 'findings'>(looks: readonly Look[], key: K): (Difference[K][number] & Open)[] {
  return looks.flatMap(({ secretId, difference }) => difference[key].map((row) => ({ ...row, secretId })));
}
