import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { SyncTargetEntity, type TargetStatus } from './sync-target.entity.js';

export type Claim = { readonly owner: string; readonly until: Date; readonly now: Date };

/** The rows of targets, as workers see them. */
@Injectable()
export class TargetRepository {
  constructor(private readonly database: Database) {}

  /** Takes the due targets of a secret that nobody else is working on. */
  async claim(ctx: RequestContext, secretId: string, claim: Claim): Promise<SyncTargetEntity[]> {
    const result = await this.database
      .manager(ctx)
      .createQueryBuilder()
      .update(SyncTargetEntity)
      .set({
        leaseOwner: claim.owner,
        leaseUntil: claim.until,
        // A lease that nobody gave back is an attempt of which nobody knows how far it came.
        attempts: () => 'case when lease_owner is null then attempts else attempts + 1 end',
      })
      .where(
        `store_id = :storeId and secret_id = :secretId and next_attempt_at <= :now and status <> 'paused'
         and (lease_until is null or lease_until < :now)`,
        { storeId: ctx.storeId, secretId, now: claim.now },
      )
      .returning('profile_id')
      .execute();
    const profileIds = (result.raw as { profile_id: string }[]).map((row) => row.profile_id);
    if (profileIds.length === 0) return [];
    return this.database
      .repository(ctx, SyncTargetEntity)
      .createQueryBuilder('t')
      .where('t.store_id = :storeId and t.secret_id = :secretId and t.lease_owner = :owner', {
        storeId: ctx.storeId,
        secretId,
        owner: claim.owner,
      })
      .getMany();
  }

  /**
   * Stores what came of a claim and gives the lease back. When what is desired has changed in the meantime, only what
   * was observed is stored, and the target stays due. False when the lease was lost to somebody else.
   */
  async settle(
    ctx: RequestContext,
    claimed: SyncTargetEntity,
    set: Partial<SyncTargetEntity>,
  ): Promise<'settled' | 'superseded' | 'lost'> {
    const released = { leaseOwner: null, leaseUntil: null, updatedAt: () => 'now()' };
    if (await this.#update(ctx, claimed, { ...set, ...released }, claimed.generation)) return 'settled';
    const { status, nextAttemptAt, errorCode, errorCause, errorAction, attempts, isRepairRequested, ...observed } = set;
    return (await this.#update(ctx, claimed, { ...observed, ...released })) ? 'superseded' : 'lost';
  }

  /** Ends a target whose copy is gone. False when it is wanted again, or the lease was lost. */
  async end(tx: RequestContext, claimed: SyncTargetEntity): Promise<boolean> {
    const result = await this.database.repository(tx, SyncTargetEntity).delete({
      storeId: claimed.storeId,
      secretId: claimed.secretId,
      profileId: claimed.profileId,
      generation: claimed.generation,
      leaseOwner: claimed.leaseOwner!,
    });
    return result.affected === 1;
  }

  count(ctx: RequestContext, secretId: string): Promise<number> {
    return this.database.repository(ctx, SyncTargetEntity).countBy({ storeId: ctx.storeId, secretId });
  }

  /** Secrets with targets that were due before `before` and that nobody works on. */
  async findDue(
    ctx: RequestContext,
    before: Date,
    now: Date,
    limit: number,
  ): Promise<{ secretId: string; priority: number }[]> {
    return (await this.database.manager(ctx).query(
      `select secret_id as "secretId", min(priority) as priority from sync_target
       where store_id = $1 and next_attempt_at <= $2 and status <> 'paused' and (lease_until is null or lease_until < $3)
       group by secret_id order by min(priority), min(next_attempt_at) limit $4`,
      [ctx.storeId, before, now, limit],
    )) as { secretId: string; priority: number }[];
  }

  /** Makes targets due whose scheduled check has come; returns their secrets. */
  async takeDueVerifications(ctx: RequestContext, now: Date, next: Date, limit: number): Promise<string[]> {
    const [rows] = (await this.database.manager(ctx).query(
      `update sync_target set is_verify_due = true, next_attempt_at = least(next_attempt_at, $2), next_verify_at = $3,
         priority = case when next_attempt_at is null then 3 else priority end
       where (store_id, secret_id, profile_id) in (
         select store_id, secret_id, profile_id from sync_target
         where store_id = $1 and next_verify_at <= $2 and status <> 'paused' order by next_verify_at limit $4
         for update skip locked)
       returning secret_id`,
      [ctx.storeId, now, next, limit],
    )) as [{ secret_id: string }[], number];
    return [...new Set(rows.map((row) => row.secret_id))];
  }

  /** Makes a target due at once; with `repair` drift is overwritten this time. */
  async request(tx: RequestContext, secretId: string, profileId: string, repair: boolean): Promise<boolean> {
    const result = await this.database
      .manager(tx)
      .createQueryBuilder()
      .update(SyncTargetEntity)
      .set({
        isVerifyDue: true,
        isRepairRequested: repair,
        generation: () => 'generation + 1',
        status: 'pending',
        attempts: 0,
        priority: 1,
        nextAttemptAt: () => 'now()',
      })
      .where({ storeId: tx.storeId, secretId, profileId })
      .execute();
    return result.affected === 1;
  }

  /** How many targets each profile has of each status. */
  async summarise(
    ctx: RequestContext,
  ): Promise<{ profileId: string; status: TargetStatus; count: number; oldest: Date | null }[]> {
    return (await this.database.manager(ctx).query(
      `select profile_id as "profileId", status, count(*)::int as count, min(next_attempt_at) as oldest
       from sync_target where store_id = $1 group by profile_id, status order by profile_id, status`,
      [ctx.storeId],
    )) as { profileId: string; status: TargetStatus; count: number; oldest: Date | null }[];
  }

  /** Pauses or resumes everything, for the restore guard. */
  async setAllPaused(ctx: RequestContext, paused: boolean): Promise<void> {
    await this.database.manager(ctx).query(
      paused
        ? `update sync_target set status = 'paused', error_code = 'DATABASE_RESTORED',
             error_cause = 'This database is a copy or a restored backup.',
             error_action = 'Compare the vaults with the secrets, then accept the restored database.', updated_at = now()`
        : `update sync_target set status = 'pending', error_code = null, error_cause = null, error_action = null,
             is_verify_due = true, next_attempt_at = now(), priority = 3, updated_at = now() where status = 'paused'`,
    );
  }

  async #update(
    ctx: RequestContext,
    claimed: SyncTargetEntity,
    set: Record<string, unknown>,
    generation?: string,
  ): Promise<boolean> {
    const result = await this.database
      .manager(ctx)
      .createQueryBuilder()
      .update(SyncTargetEntity)
      .set(set)
      .where({
        storeId: claimed.storeId,
        secretId: claimed.secretId,
        profileId: claimed.profileId,
        leaseOwner: claimed.leaseOwner,
        ...(generation === undefined ? {} : { generation }),
      })
      .execute();
    return result.affected === 1;
  }
}
