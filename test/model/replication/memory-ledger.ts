import type { Clock, RequestContext } from '@claviger/kernel';
import type { SyncTargetEntity } from '../../../libs/features/src/replication/sync-target.entity.js';
import type { FormerSource } from '../../../libs/features/src/replication/target-handover.js';
import type { DesiredContent } from '../../../libs/features/src/replication/target-ledger.js';
import type { Claim, Claimed, Settlement } from '../../../libs/features/src/replication/target.repository.js';
import { VERIFY_INTERVAL_S, type ModelLedger, type ModelTarget } from './model-ledger.js';

export type MemoryLedgerInit = {
  readonly clock: Clock;
  readonly wake: (secretId: string) => void;
  /** In the transaction that removes a target: how many are left. */
  readonly onEnd: (secretId: string, left: number) => void;
  readonly physicalName: string;
};

/** The ledger in memory, statement by statement as TargetRepository and TargetLedger have it. */
export class MemoryLedger implements ModelLedger {
  readonly isBusy = false;
  /** The database's present life. */
  epoch = 'system-1/1';
  /** The restore guard has stopped everything. */
  isPaused = false;
  #rows: SyncTargetEntity[] = [];

  constructor(private readonly init: MemoryLedgerInit) {}

  async claim(_ctx: RequestContext, secretId: string, { now, owner, until, lateUntil }: Claim): Promise<Claimed> {
    const due = this.#of(secretId).filter((row) => !this.isPaused && isDue(row, now, now));
    for (const row of due) {
      if (row.leaseOwner !== null) {
        row.attempts += 1;
        row.unsettledUntil = lateUntil;
      }
      row.leaseOwner = owner;
      row.leaseUntil = until;
    }
    return { targets: due.map((row) => ({ ...row })), epoch: due.length === 0 ? '' : this.epoch };
  }

  async settle(
    _ctx: RequestContext,
    claimed: SyncTargetEntity,
    { facts, verdict }: Settlement,
  ): Promise<'settled' | 'superseded' | 'lost'> {
    const row = this.#held(claimed);
    if (!row) return 'lost';
    const isCurrent = row.generation === claimed.generation;
    Object.assign(row, facts, isCurrent ? verdict : {}, { leaseOwner: null, leaseUntil: null, updatedAt: this.#now() });
    return isCurrent ? 'settled' : 'superseded';
  }

  async end(ctx: RequestContext, claimed: SyncTargetEntity): Promise<boolean> {
    const row = this.#held(claimed);
    if (row?.generation !== claimed.generation) {
      await this.settle(ctx, claimed, { facts: {}, verdict: {} });
      return false;
    }
    this.#rows = this.#rows.filter((one) => one !== row);
    this.init.onEnd(claimed.secretId, this.#of(claimed.secretId).filter(counts).length);
    return true;
  }

  async add(secretId: string, { profileId, onConflict, desired }: ModelTarget): Promise<void> {
    const now = this.#now();
    this.#rows.push({
      storeId: 'store',
      secretId,
      profileId,
      physicalName: this.init.physicalName,
      onConflict,
      desiredVersion: desired.version,
      desiredFingerprint: desired.fingerprint,
      desiredPresence: desired.presence,
      observedVersion: null,
      observedFingerprint: null,
      observedPresence: 'unknown',
      observedBackendVersion: null,
      ownership: 'none',
      generation: '1',
      status: 'pending',
      errorCode: null,
      errorCause: null,
      errorAction: null,
      attempts: 0,
      nextAttemptAt: now,
      priority: 1,
      leaseUntil: null,
      leaseOwner: null,
      unsettledUntil: null,
      drift: null,
      overwritten: null,
      told: null,
      isLookDue: false,
      isRepairRequested: false,
      verifiedEpoch: this.epoch,
      verifiedAt: null,
      verifiedHow: 'none',
      nextVerifyAt: null,
      syncedAt: null,
      createdAt: now,
      updatedAt: now,
    });
    this.init.wake(secretId);
  }

  async desire(secretId: string, { version, fingerprint, presence }: DesiredContent): Promise<number> {
    const wanted = this.#of(secretId).filter((row) => ['present', 'hidden'].includes(row.desiredPresence));
    for (const row of wanted) {
      row.desiredVersion = version;
      row.desiredFingerprint = fingerprint;
      row.desiredPresence = presence;
      this.#makeDue(row);
    }
    return this.#of(secretId).filter(counts).length;
  }

  async retire(secretId: string, profileId: string): Promise<void> {
    for (const row of this.#of(secretId, profileId).filter(counts)) {
      row.desiredPresence = 'absent';
      this.#makeDue(row);
    }
  }

  async forget(secretId: string, profileId?: string): Promise<void> {
    const now = this.#now();
    const mayStillWrite = (row: SyncTargetEntity): boolean =>
      row.leaseOwner !== null || (row.unsettledUntil !== null && row.unsettledUntil >= now);
    const forgotten = this.#of(secretId, profileId);
    this.#rows = this.#rows.filter((row) => !forgotten.includes(row) || mayStillWrite(row));
    for (const row of forgotten.filter(mayStillWrite)) {
      row.desiredPresence = 'retained';
      this.#makeDue(row);
    }
  }

  async resume(secretId: string): Promise<void> {
    for (const row of this.#of(secretId)) this.#makeDue(row);
  }

  async requestRepair(secretId: string, profileId: string): Promise<void> {
    if (this.isPaused) return;
    for (const row of this.#of(secretId, profileId).filter(counts)) {
      row.isLookDue = true;
      row.isRepairRequested = true;
      this.#makeDue(row);
    }
  }

  async becomeSource({ secretId, profileId }: SyncTargetEntity): Promise<void> {
    const gone = this.#of(secretId, profileId);
    this.#rows = this.#rows.filter((row) => !gone.includes(row));
  }

  async becomeTarget({ secretId, profileId, holds, ownership }: FormerSource): Promise<void> {
    await this.add(secretId, { profileId, onConflict: 'fail', desired: holds });
    Object.assign(this.#rows.at(-1)!, {
      observedVersion: holds.version,
      observedFingerprint: holds.fingerprint,
      observedPresence: holds.presence,
      observedBackendVersion: holds.backendVersion,
      ownership,
      isLookDue: true,
    });
  }

  async sweep(): Promise<void> {
    const now = this.#now();
    if (this.isPaused) return;
    const due = this.#rows.filter((row) => isDue(row, new Date(now.getTime() - 3_000), now));
    for (const secretId of new Set(due.map((row) => row.secretId))) this.init.wake(secretId);
  }

  async verify(): Promise<void> {
    const now = this.#now();
    if (this.isPaused) return;
    for (const row of this.#rows) {
      const waits = row.status === 'blocked' || row.status === 'paused';
      const isMended = waits && row.nextAttemptAt === null && row.errorCode !== 'SECRET_DISABLED';
      const isDue = row.nextVerifyAt !== null && row.nextVerifyAt <= now;
      if (isDue) {
        row.isLookDue = true;
        row.nextVerifyAt = new Date(now.getTime() + VERIFY_INTERVAL_S * 1_000);
      }
      if (!isMended && !isDue) continue;
      if (row.nextAttemptAt === null || row.nextAttemptAt > now) row.nextAttemptAt = now;
      this.init.wake(row.secretId);
    }
  }

  async list(): Promise<readonly SyncTargetEntity[]> {
    return this.#rows;
  }

  backup(): readonly SyncTargetEntity[] {
    return this.#rows.map((row) => ({ ...row }));
  }

  restore(rows: readonly SyncTargetEntity[]): void {
    this.#rows = rows.map((row) => ({ ...row }));
  }

  #of(secretId: string, profileId?: string): SyncTargetEntity[] {
    return this.#rows.filter(
      (row) => row.secretId === secretId && (profileId === undefined || row.profileId === profileId),
    );
  }

  #held({ secretId, profileId, leaseOwner }: SyncTargetEntity): SyncTargetEntity | undefined {
    return this.#of(secretId, profileId).find((row) => row.leaseOwner === leaseOwner);
  }

  #makeDue(row: SyncTargetEntity): void {
    const error = { errorCode: null, errorCause: null, errorAction: null };
    const generation = String(Number(row.generation) + 1);
    const now = this.#now();
    Object.assign(row, { generation, status: 'pending', ...error, attempts: 0, priority: 1, nextAttemptAt: now });
    row.updatedAt = now;
    this.init.wake(row.secretId);
  }

  #now(): Date {
    return this.init.clock.now();
  }
}

/** Not on its way out without its copy being touched. */
const counts = ({ desiredPresence }: SyncTargetEntity): boolean => desiredPresence !== 'retained';

function isDue(row: SyncTargetEntity, before: Date, now: Date): boolean {
  if (row.nextAttemptAt === null || row.nextAttemptAt > before) return false;
  return row.leaseUntil === null || row.leaseUntil < now;
}
