import { Injectable } from '@nestjs/common';
import { newId, type RequestContext } from '@claviger/kernel';
import { BatchedStatement, Database, EntityRows } from '@claviger/platform/database';
import { Not } from 'typeorm';
import { IS_ACCEPTED_DATABASE } from './database-epoch.sql.js';
import { LANES, SyncTargetEntity, type TargetStatus } from './sync-target.entity.js';
import {
  CLAIM_TARGETS,
  claimParameters,
  SETTLE_TARGETS,
  settlementParameters,
  type HotClaim,
  type HotSettlement,
} from './sync-target.hot.js';
import { newsOf } from './target-news.policy.js';

const MAX_BATCH = 100;

export type Claim = {
  readonly owner: string;
  readonly now: Date;
  /** Until when nobody else works on what is claimed. */
  readonly until: Date;
  /** Until when what an attempt that vanished has sent may still arrive. */
  readonly lateUntil: Date;
};

export type Claimed = {
  readonly targets: readonly SyncTargetEntity[];
  /** The database's present life. */
  readonly epoch: string;
};

/** What came of a claim. */
export type Settlement = {
  /** What was found out about the place: true whatever is desired by now. */
  readonly facts: Partial<SyncTargetEntity>;
  /** What follows for the target, unless something else is desired by now. */
  readonly verdict: Partial<SyncTargetEntity>;
};

/** What became of a settlement. */
type Outcome = 'settled' | 'superseded' | 'lost';

/** The rows of targets, as workers see them. */
@Injectable()
export class TargetRepository {
  readonly #targets: EntityRows<SyncTargetEntity>;
  readonly #claims: BatchedStatement<HotClaim, Claimed>;
  readonly #settlements: BatchedStatement<HotSettlement, Outcome>;

  constructor(private readonly database: Database) {
    this.#targets = new EntityRows(database, SyncTargetEntity);
    // One target of a secret in each batch, so that it never waits for one change while it keeps another one waiting.
    const keyOf = ({ secretId }: { readonly secretId: string }): string => secretId;
    const claim = (claims: readonly HotClaim[]): Promise<Claimed[]> => this.#claim(claims);
    const settle = (ended: readonly HotSettlement[]): Promise<Outcome[]> => this.#settle(ended);
    this.#claims = new BatchedStatement({ execute: claim, keyOf, maxBatch: MAX_BATCH, maxInFlight: 2 });
    this.#settlements = new BatchedStatement({ execute: settle, keyOf, maxBatch: MAX_BATCH, maxInFlight: 1 });
  }

  /**
   * Takes the due targets of a secret that nobody else is working on. None while replication is paused. A lease that
   * nobody gave back is an attempt of which nobody knows how far it came. Gathered with the claims of other secrets.
   */
  claim({ storeId }: RequestContext, secretId: string, claim: Claim): Promise<Claimed> {
    return this.#claims.submit({ storeId, secretId, ...claim });
  }

  /**
   * Stores what came of a claim and gives the lease back. `superseded` when something else is desired by now: then only
   * the facts are stored and the target is due. What is news is told with it, in the same statement. `lost` when somebody
   * else has the lease: then nothing is. Gathered with those of other secrets.
   */
  settle(_ctx: RequestContext, claimed: SyncTargetEntity, { facts, verdict }: Settlement): Promise<Outcome> {
    const { storeId, secretId, profileId, leaseOwner, generation } = claimed;
    const news = newsOf(claimed, verdict);
    const told = news && { told: news.told };
    return this.#settlements.submit({
      storeId,
      secretId,
      profileId,
      leaseOwner: leaseOwner!,
      generation,
      facts: JSON.stringify(this.#targets.toRow(facts)),
      all: JSON.stringify(this.#targets.toRow({ ...facts, ...verdict, ...told })),
      news: news ? { id: newId(), type: news.type, facts: JSON.stringify(factsOf(claimed, verdict)) } : null,
    });
  }

  /** Removes a target whose copy is gone. False when something else is desired by now, or the lease was lost. */
  async remove(tx: RequestContext, claimed: SyncTargetEntity): Promise<boolean> {
    const { storeId, secretId, profileId, generation, leaseOwner } = claimed;
    const result = await this.database
      .repository(tx, SyncTargetEntity)
      .delete({ storeId, secretId, profileId, generation, leaseOwner: leaseOwner! });
    return result.affected === 1;
  }

  /** How many targets a secret has; those that end without their copies being touched do not count. */
  count(ctx: RequestContext, secretId: string): Promise<number> {
    return this.database
      .repository(ctx, SyncTargetEntity)
      .countBy({ storeId: ctx.storeId, secretId, desiredPresence: Not('retained') });
  }

  /** Secrets with targets that were due before `before` and that nobody works on, the most urgent first. */
  async findDue(
    ctx: RequestContext,
    before: Date,
    now: Date,
    limit: number,
  ): Promise<{ secretId: string; priority: number }[]> {
    return (await this.database.manager(ctx).query(
      `select secret_id as "secretId", min(priority) as priority from sync_target
       where store_id = $1 and next_attempt_at <= $2 and (lease_until is null or lease_until < $3)
         and ${IS_ACCEPTED_DATABASE}
       group by secret_id order by min(priority), min(next_attempt_at) limit $4`,
      [ctx.storeId, before, now, limit],
    )) as { secretId: string; priority: number }[];
  }

  /** Makes targets due whose scheduled check has come, and puts the next one off to `next`; returns their secrets. */
  async takeDueVerifications(ctx: RequestContext, now: Date, next: Date, limit: number): Promise<string[]> {
    const [rows] = (await this.database.manager(ctx).query(
      `update sync_target set is_look_due = true, next_attempt_at = least(next_attempt_at, $2), next_verify_at = $3,
         priority = case when next_attempt_at is null then ${LANES.sweep} else priority end
       where (store_id, secret_id, profile_id) in (
         select store_id, secret_id, profile_id from sync_target
         where store_id = $1 and next_verify_at <= $2 and ${IS_ACCEPTED_DATABASE}
         order by next_verify_at limit $4 for update skip locked)
       returning secret_id`,
      [ctx.storeId, now, next, limit],
    )) as [{ secret_id: string }[], number];
    return [...new Set(rows.map((row) => row.secret_id))];
  }

  /**
   * Makes targets due that waited for a person, once their profile or its instance was changed since (or a minute before,
   * because an attempt may have begun with what was so until then); returns their secrets.
   */
  async takeMended(ctx: RequestContext, now: Date, limit: number): Promise<string[]> {
    const [rows] = (await this.database.manager(ctx).query(
      `update sync_target set next_attempt_at = $2, priority = ${LANES.retry}, updated_at = now()
       where (store_id, secret_id, profile_id) in (
         select t.store_id, t.secret_id, t.profile_id from sync_target t
         join vault_profile p on p.store_id = t.store_id and p.id = t.profile_id
         join vault_instance i on i.store_id = p.store_id and i.id = p.instance_id
         where t.store_id = $1 and t.status in ('blocked', 'paused') and t.next_attempt_at is null
           and t.error_code <> 'SECRET_DISABLED'
           and greatest(p.updated_at, i.updated_at) > t.updated_at - interval '1 minute'
         limit $3 for update of t skip locked)
       returning secret_id`,
      [ctx.storeId, now, limit],
    )) as [{ secret_id: string }[], number];
    return [...new Set(rows.map((row) => row.secret_id))];
  }

  /** Makes a target due at once, to be looked at and repaired. False when there is none. */
  async requestRepair(tx: RequestContext, secretId: string, profileId: string, now: Date): Promise<boolean> {
    const result = await this.database
      .manager(tx)
      .createQueryBuilder()
      .update(SyncTargetEntity)
      .set({
        isLookDue: true,
        isRepairRequested: true,
        generation: () => 'generation + 1',
        status: 'pending',
        attempts: 0,
        priority: LANES.user,
        nextAttemptAt: now,
        updatedAt: () => 'now()',
      })
      .where({ storeId: tx.storeId, secretId, profileId, desiredPresence: Not('retained') })
      .execute();
    return result.affected === 1;
  }

  /** Makes targets that a dead predecessor worked on free to be claimed; for a process that knows that it is alone. */
  async expireLeases(ctx: RequestContext, now: Date): Promise<void> {
    await this.database
      .manager(ctx)
      .query(`update sync_target set lease_until = $2 where store_id = $1 and lease_owner is not null`, [
        ctx.storeId,
        new Date(now.getTime() - 1),
      ]);
  }

  /** How many targets each profile has of each status, and since when the oldest of them is due. */
  async summarise(
    ctx: RequestContext,
    now: Date,
  ): Promise<{ profileId: string; status: TargetStatus; count: number; oldestDueAt: Date | null }[]> {
    return (await this.database.manager(ctx).query(
      `select profile_id as "profileId", status, count(*)::int as count,
         min(next_attempt_at) filter (where next_attempt_at <= $2) as "oldestDueAt"
       from sync_target where store_id = $1 and desired_presence <> 'retained' group by profile_id, status order by profile_id, status`,
      [ctx.storeId, now],
    )) as { profileId: string; status: TargetStatus; count: number; oldestDueAt: Date | null }[];
  }

  /** How many targets a profile has, and how many of them fail with this error. */
  async countAlike(
    ctx: RequestContext,
    profileId: string,
    errorCode: string | null,
  ): Promise<{ readonly failing: number; readonly all: number }> {
    const [row] = (await this.database.manager(ctx).query(
      `select count(*)::int as "all", count(*) filter (where error_code = $3)::int as failing
       from sync_target where store_id = $1 and profile_id = $2`,
      [ctx.storeId, profileId, errorCode],
    )) as [{ failing: number; all: number }];
    return row;
  }

  /** Says at every target that replication is paused by the restore guard. */
  async markPaused(ctx: RequestContext): Promise<void> {
    await this.database.manager(ctx).query(
      `update sync_target set status = 'paused', error_code = $1, error_cause = $2, error_action = $3, updated_at = now()
       where error_code is distinct from $1`,
      [
        PAUSED,
        'This database is a copy or a restored backup.',
        'Compare the vaults with the secrets, then accept the restored database.',
      ],
    );
  }

  /** Makes every target that was marked so look at its place again. */
  async unmarkPaused(tx: RequestContext): Promise<void> {
    await this.database.manager(tx).query(
      `update sync_target set status = 'pending', error_code = null, error_cause = null, error_action = null,
         generation = generation + 1, is_look_due = true, next_attempt_at = now(), priority = ${LANES.sweep},
         updated_at = now()
       where error_code = $1`,
      [PAUSED],
    );
  }

  async #claim(claims: readonly HotClaim[]): Promise<Claimed[]> {
    type Row = Record<string, unknown> & { readonly secret_id: string; readonly epoch: string };
    const { rows } = await this.database.execute<Row>(undefined, CLAIM_TARGETS, claimParameters(claims));
    return claims.map(({ secretId }) => {
      const claimed = rows.filter((row) => row.secret_id === secretId);
      return { targets: claimed.map((row) => this.#targets.fromRow(row)), epoch: claimed[0]?.epoch ?? '' };
    });
  }

  async #settle(settlements: readonly HotSettlement[]): Promise<Outcome[]> {
    type Row = { readonly secret_id: string; readonly is_settled: boolean };
    const parameters = settlementParameters(settlements);
    const { rows } = await this.database.execute<Row>(undefined, SETTLE_TARGETS, parameters);
    const bySecret = new Map(rows.map((row) => [row.secret_id, row.is_settled ? 'settled' : 'superseded'] as const));
    return settlements.map(({ secretId }) => bySecret.get(secretId) ?? 'lost');
  }
}

/** What is told beside the name of the profile. */
/** Of a copy that is equal also of which version. */
function factsOf(
  { desiredVersion: version }: SyncTargetEntity,
  { status, errorCode }: Settlement['verdict'],
): Record<string, unknown> {
  return { status, ...(status === 'in_sync' && { version }), ...(errorCode ? { code: errorCode } : {}) };
}

const PAUSED = 'DATABASE_RESTORED';
