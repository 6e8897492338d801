import type { RequestContext } from '@claviger/kernel';
import type { ConflictPolicy, SyncTargetEntity } from '../../../libs/features/src/replication/sync-target.entity.js';
import type { FormerSource } from '../../../libs/features/src/replication/target-handover.js';
import type { DesiredContent } from '../../../libs/features/src/replication/target-ledger.js';
import type { Claim, Claimed, Settlement } from '../../../libs/features/src/replication/target.repository.js';

export type ModelTarget = {
  readonly profileId: string;
  readonly onConflict: ConflictPolicy;
  readonly desired: DesiredContent;
};

/**
 * The rows of targets as the model needs them: what users say, what workers do, and what schedules find. In memory for
 * speed, in PostgreSQL to prove that memory does as PostgreSQL does.
 */
export interface ModelLedger {
  claim(ctx: RequestContext, secretId: string, claim: Claim): Promise<Claimed>;
  settle(
    ctx: RequestContext,
    claimed: SyncTargetEntity,
    settlement: Settlement,
  ): Promise<'settled' | 'superseded' | 'lost'>;
  end(ctx: RequestContext, claimed: SyncTargetEntity): Promise<boolean>;

  add(secretId: string, target: ModelTarget): Promise<void>;
  desire(secretId: string, desired: DesiredContent): Promise<number>;
  retire(secretId: string, profileId: string): Promise<void>;
  forget(secretId: string, profileId?: string): Promise<void>;
  resume(secretId: string): Promise<void>;
  requestRepair(secretId: string, profileId: string): Promise<void>;
  becomeSource(row: SyncTargetEntity): Promise<void>;
  becomeTarget(former: FormerSource): Promise<void>;

  /** Wakes workers for what is due. */
  sweep(): Promise<void>;
  /** Makes due what is to be verified, or was mended. */
  verify(): Promise<void>;
  list(): Promise<readonly SyncTargetEntity[]>;
  /** True while an operation is under way. */
  readonly isBusy: boolean;
}

/** How often targets are verified in the model. */
export const VERIFY_INTERVAL_S = 3_600;
