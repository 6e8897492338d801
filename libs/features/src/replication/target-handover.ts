import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { BackendVersion } from '@claviger/vaults/contract';
import { CURRENT_EPOCH } from './database-epoch.sql.js';
import { ReplicationWakeUps } from './replication-wake-ups.js';
import { LANES, SyncTargetEntity, type Ownership } from './sync-target.entity.js';
import type { DesiredContent } from './target-ledger.js';

/** A place that was a secret's source until now, with what the secret's record says that it holds. */
export type FormerSource = {
  readonly secretId: string;
  readonly profileId: string;
  readonly physicalName: string;
  readonly holds: DesiredContent & { readonly backendVersion: BackendVersion | null };
  readonly ownership: Ownership;
};

/** Lets a target become the source of its secret, and what was the source become a target. */
@Injectable()
export class TargetHandover {
  constructor(
    private readonly database: Database,
    private readonly wakeUps: ReplicationWakeUps,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The target, also one on its way out. */
  find(ctx: RequestContext, secretId: string, profileId: string): Promise<SyncTargetEntity | null> {
    return this.database.repository(ctx, SyncTargetEntity).findOneBy({ storeId: ctx.storeId, secretId, profileId });
  }

  /** The same, kept from being changed by anybody else until the transaction ends; nobody begins to work on it meanwhile. */
  lock(tx: RequestContext, secretId: string, profileId: string): Promise<SyncTargetEntity | null> {
    return this.database.repository(tx, SyncTargetEntity).findOne({
      where: { storeId: tx.storeId, secretId, profileId },
      lock: { mode: 'pessimistic_write' },
    });
  }

  /**
   * The place is the secret's source from now on and no target any more; its claim stays. The row is locked by the
   * transaction, and nobody works on it.
   */
  async becomeSource(tx: RequestContext, { secretId, profileId }: SyncTargetEntity): Promise<void> {
    await this.database.repository(tx, SyncTargetEntity).delete({ storeId: tx.storeId, secretId, profileId });
  }

  /**
   * A former source is a target from now on. It holds already what it should, as far as the record knows: it is looked at,
   * and written only when that is not so.
   */
  async becomeTarget(tx: RequestContext, former: FormerSource): Promise<void> {
    const { holds } = former;
    await this.database.repository(tx, SyncTargetEntity).insert({
      storeId: tx.storeId,
      secretId: former.secretId,
      profileId: former.profileId,
      physicalName: former.physicalName,
      onConflict: 'fail',
      desiredVersion: holds.version,
      desiredFingerprint: holds.fingerprint,
      desiredPresence: holds.presence,
      observedVersion: holds.version,
      observedFingerprint: holds.fingerprint,
      observedPresence: holds.presence,
      observedBackendVersion: holds.backendVersion,
      ownership: former.ownership,
      isLookDue: true,
      nextAttemptAt: this.clock.now(),
      verifiedEpoch: () => CURRENT_EPOCH,
    });
    this.#wake(tx, former.secretId);
  }

  /** Has a target looked at now and made equal, whatever is there. */
  async repair(tx: RequestContext, secretId: string, profileId: string): Promise<void> {
    await this.database.repository(tx, SyncTargetEntity).update(
      { storeId: tx.storeId, secretId, profileId },
      {
        isLookDue: true,
        isRepairRequested: true,
        generation: () => 'generation + 1',
        status: 'pending',
        attempts: 0,
        priority: LANES.user,
        nextAttemptAt: this.clock.now(),
        updatedAt: () => 'now()',
      },
    );
    this.#wake(tx, secretId);
  }

  #wake(tx: RequestContext, secretId: string): void {
    this.database.afterCommit(tx, () => this.wakeUps.wake(tx.storeId, secretId, 'user'));
  }
}
