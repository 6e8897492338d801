import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { In, Not } from 'typeorm';
import { CURRENT_EPOCH } from './database-epoch.sql.js';
import { targetExists, targetNotFound } from './replication.errors.js';
import { ReplicationWakeUps } from './replication-wake-ups.js';
import {
  LANES,
  SyncTargetEntity,
  type ConflictPolicy,
  type Presence,
  type TargetStatus,
} from './sync-target.entity.js';

/** What every target of a secret should hold. */
export type DesiredContent = {
  readonly version: number;
  readonly fingerprint: string;
  readonly presence: Presence;
};

export type NewTarget = {
  readonly secretId: string;
  readonly profileId: string;
  readonly physicalName: string;
  readonly onConflict: ConflictPolicy;
  readonly desired: DesiredContent;
};

/** Says what targets should hold. What they do hold is written by the reconciler alone. */
@Injectable()
export class TargetLedger {
  constructor(
    private readonly database: Database,
    private readonly wakeUps: ReplicationWakeUps,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError TARGET_EXISTS, retryable while the one that exists is on its way out */
  async assertAbsent(ctx: RequestContext, secretId: string, profileId: string): Promise<void> {
    const found = await this.database
      .repository(ctx, SyncTargetEntity)
      .findOneBy({ storeId: ctx.storeId, secretId, profileId });
    if (!found) return;
    const isEnding = found.desiredPresence === 'absent' || found.desiredPresence === 'retained';
    throw targetExists(isEnding);
  }

  /** Adds a target, due at once. @throws AppError TARGET_EXISTS */
  async add(tx: RequestContext, target: NewTarget): Promise<void> {
    const repository = this.database.repository(tx, SyncTargetEntity);
    const key = { storeId: tx.storeId, secretId: target.secretId, profileId: target.profileId };
    await this.assertAbsent(tx, target.secretId, target.profileId);
    await repository.insert({
      ...key,
      physicalName: target.physicalName,
      onConflict: target.onConflict,
      desiredVersion: target.desired.version,
      desiredFingerprint: target.desired.fingerprint,
      desiredPresence: target.desired.presence,
      nextAttemptAt: this.clock.now(),
      verifiedEpoch: () => CURRENT_EPOCH,
    });
    this.#wake(tx, target.secretId);
  }

  /** Sets what all targets of a secret should hold; returns how many there are. Those on their way out stay so. */
  async desire(tx: RequestContext, secretId: string, desired: DesiredContent): Promise<number> {
    const result = await this.database
      .manager(tx)
      .createQueryBuilder()
      .update(SyncTargetEntity)
      .set({
        desiredVersion: desired.version,
        desiredFingerprint: desired.fingerprint,
        desiredPresence: desired.presence,
        ...this.#due(),
      })
      .where({ storeId: tx.storeId, secretId, desiredPresence: In(['present', 'hidden']) })
      .execute();
    if (result.affected) this.#wake(tx, secretId);
    return this.database
      .repository(tx, SyncTargetEntity)
      .countBy({ storeId: tx.storeId, secretId, desiredPresence: Not('retained') });
  }

  /** Makes one target due, to have its copy removed from the vault. @throws AppError TARGET_NOT_FOUND */
  async retire(tx: RequestContext, secretId: string, profileId: string): Promise<void> {
    const result = await this.database
      .manager(tx)
      .createQueryBuilder()
      .update(SyncTargetEntity)
      .set({ desiredPresence: 'absent', ...this.#due() })
      .where({ storeId: tx.storeId, secretId, profileId, desiredPresence: Not('retained') })
      .execute();
    if (!result.affected) throw targetNotFound();
    this.#wake(tx, secretId);
  }

  /**
   * Ends targets and leaves the vaults as they are; all of the secret's, or one. Returns the profiles whose places are
   * free now. Where an attempt is under way, or what one sent may still arrive, the target ends when that is over.
   */
  async forget(tx: RequestContext, secretId: string, profileId?: string): Promise<readonly string[]> {
    const where = { storeId: tx.storeId, secretId, ...(profileId === undefined ? {} : { profileId }) };
    const manager = this.database.manager(tx);
    const ended = await manager
      .createQueryBuilder()
      .delete()
      .from(SyncTargetEntity)
      .where(where)
      .andWhere('lease_owner is null and (unsettled_until is null or unsettled_until < :now)', {
        now: this.clock.now(),
      })
      .returning('profile_id')
      .execute();
    const due = { desiredPresence: 'retained' as const, ...this.#due() };
    const lingering = await manager.createQueryBuilder().update(SyncTargetEntity).set(due).where(where).execute();
    if (lingering.affected) this.#wake(tx, secretId);
    return (ended.raw as { profile_id: string }[]).map((row) => row.profile_id);
  }

  /** Makes all targets of a secret due, for a secret that was at rest. */
  async resume(tx: RequestContext, secretId: string): Promise<void> {
    await this.database.repository(tx, SyncTargetEntity).update({ storeId: tx.storeId, secretId }, this.#due());
    this.#wake(tx, secretId);
  }

  list(ctx: RequestContext, secretId: string): Promise<SyncTargetEntity[]> {
    return this.database.repository(ctx, SyncTargetEntity).find({
      where: { storeId: ctx.storeId, secretId, desiredPresence: Not('retained') },
      order: { createdAt: 'ASC', profileId: 'ASC' },
    });
  }

  /** How many targets of each status each of these secrets has. */
  async countByStatus(
    ctx: RequestContext,
    secretIds: readonly string[],
  ): Promise<ReadonlyMap<string, Partial<Record<TargetStatus, number>>>> {
    const rows = (await this.database.manager(ctx).query(
      `select secret_id, status, count(*)::int as count from sync_target
       where store_id = $1 and secret_id = any($2) and desired_presence <> 'retained' group by secret_id, status`,
      [ctx.storeId, secretIds],
    )) as { secret_id: string; status: TargetStatus; count: number }[];
    const counts = new Map<string, Partial<Record<TargetStatus, number>>>();
    for (const row of rows) counts.set(row.secret_id, { ...counts.get(row.secret_id), [row.status]: row.count });
    return counts;
  }

  #due(): Record<string, unknown> {
    return {
      generation: () => 'generation + 1',
      status: 'pending',
      errorCode: null,
      errorCause: null,
      errorAction: null,
      attempts: 0,
      priority: LANES.user,
      nextAttemptAt: this.clock.now(),
      updatedAt: () => 'now()',
    };
  }

  #wake(tx: RequestContext, secretId: string): void {
    this.database.afterCommit(tx, () => this.wakeUps.wake(tx.storeId, secretId, 'user', tx.trace));
  }
}
