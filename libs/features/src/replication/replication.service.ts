import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { AccessService } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Database } from '@claviger/platform/database';
import { explainTarget, type ExplainedSecret, type TargetExplanation } from './explain.policy.js';
import { DatabaseEpochs } from './database-epoch.js';
import { replicationPaused, targetNotFound } from './replication.errors.js';
import { ReplicationWakeUps } from './replication-wake-ups.js';
import { TARGET_STATUSES, type SyncTargetEntity, type TargetStatus } from './sync-target.entity.js';
import { TargetLedger } from './target-ledger.js';
import { TargetRepository } from './target.repository.js';

/** What was due this long ago and is still not being worked on has lost its wake-up. */
const OVERLOOKED_MS = 3_000;
const SWEEP_BATCH = 500;
const VERIFY_BATCH = 200;

/** A target as it is shown. */
export type TargetView = {
  readonly profile: string;
  readonly physicalName: string;
  readonly status: TargetStatus;
  readonly desired: { readonly version: number; readonly presence: string };
  readonly observed: {
    readonly version: number | null;
    readonly presence: string;
    readonly backendVersion: string | null;
  };
  readonly ownership: string;
  readonly error: { readonly code: string; readonly cause: string; readonly action: string } | null;
  readonly drift: { readonly kind: string; readonly detectedAt: string } | null;
  /** When content that was not ours was last replaced here. */
  readonly overwrittenAt: string | null;
  readonly attempts: number;
  readonly nextAttemptAt: Date | null;
  readonly verifiedAt: Date | null;
  readonly verifiedHow: string;
  readonly syncedAt: Date | null;
};

export type ReplicationSummary = {
  readonly isPaused: boolean;
  readonly totals: Readonly<Record<TargetStatus, number>>;
  readonly profiles: readonly {
    readonly profile: string;
    readonly statuses: Partial<Record<TargetStatus, number>>;
    readonly oldestDueAt: Date | null;
  }[];
};

/** What people and schedules ask of replication. */
@Injectable()
export class ReplicationService {
  constructor(
    private readonly database: Database,
    private readonly targets: TargetRepository,
    private readonly ledger: TargetLedger,
    private readonly wakeUps: ReplicationWakeUps,
    private readonly epochs: DatabaseEpochs,
    private readonly profiles: VaultProfileService,
    private readonly access: AccessService,
    private readonly audit: AuditService,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The targets of a secret that the caller may see. */
  async listTargets(ctx: RequestContext, secretId: string): Promise<TargetView[]> {
    const names = await this.profiles.names(ctx);
    return (await this.ledger.list(ctx, secretId)).map((target) =>
      toView(target, names.get(target.profileId) ?? target.profileId),
    );
  }

  /** Why a target is not equal to its source. The caller was authorised. @throws AppError TARGET_NOT_FOUND */
  async explain(
    ctx: RequestContext,
    secretId: string,
    secret: ExplainedSecret,
    profileName: string,
  ): Promise<TargetExplanation> {
    const profile = await this.profiles.find(ctx, profileName);
    const target = (await this.ledger.list(ctx, secretId)).find(({ profileId }) => profileId === profile?.id);
    if (!profile || !target) throw targetNotFound();
    return explainTarget({
      secret,
      profile,
      target,
      isReplicationPaused: await this.epochs.isPaused(ctx),
      alike: await this.targets.countAlike(ctx, profile.id, target.errorCode),
      now: this.clock.now(),
    });
  }

  /** Makes a target equal now: looks, and overwrites drift. The caller was authorised. */
  async sync(
    ctx: RequestContext,
    secret: { readonly id: string; readonly name: string },
    profileName: string,
  ): Promise<TargetView> {
    const profile = await this.profiles.find(ctx, profileName);
    if (!profile) throw targetNotFound();
    await this.database.transaction(ctx, async (tx) => {
      if (await this.epochs.isPaused(tx)) throw replicationPaused();
      const isDue = await this.targets.requestRepair(tx, secret.id, profile.id, this.clock.now());
      if (!isDue) throw targetNotFound();
      const resource = { kind: 'secret', id: secret.id, name: secret.name };
      await this.audit.record(
        tx,
        this.audit.entry(tx, {
          action: 'target.sync',
          outcome: 'allowed',
          resource,
          details: { profile: profile.name },
        }),
      );
      this.database.afterCommit(tx, () => this.wakeUps.wake(tx.storeId, secret.id, 'user', tx.trace));
    });
    const target = (await this.ledger.list(ctx, secret.id)).find(({ profileId }) => profileId === profile.id);
    if (!target) throw targetNotFound();
    return toView(target, profile.name);
  }

  async summary(ctx: RequestContext): Promise<ReplicationSummary> {
    this.access.authorize(ctx, 'claviger/replication/summary', 'read');
    const names = await this.profiles.names(ctx);
    const totals = Object.fromEntries(TARGET_STATUSES.map((status) => [status, 0])) as Record<TargetStatus, number>;
    const profiles = new Map<string, { statuses: Partial<Record<TargetStatus, number>>; oldestDueAt: Date | null }>();
    for (const row of await this.targets.summarise(ctx, this.clock.now())) {
      totals[row.status] += row.count;
      const entry = profiles.get(row.profileId) ?? { statuses: {}, oldestDueAt: null };
      entry.statuses[row.status] = row.count;
      entry.oldestDueAt = earlier(entry.oldestDueAt, row.oldestDueAt);
      profiles.set(row.profileId, entry);
    }
    return {
      isPaused: await this.epochs.isPaused(ctx),
      totals,
      profiles: [...profiles].map(([id, entry]) => ({ profile: names.get(id) ?? id, ...entry })),
    };
  }

  /** Lets replication go on after the database was restored or copied. */
  async acceptRestoredDatabase(ctx: RequestContext): Promise<void> {
    this.access.authorize(ctx, 'claviger/replication/accept-restored-database', 'update');
    await this.database.transaction(ctx, async (tx) => {
      await this.epochs.accept(tx);
      const resource = { kind: 'replication', name: 'accept-restored-database' };
      await this.audit.record(
        tx,
        this.audit.entry(tx, { action: 'replication.accept-restored-database', outcome: 'allowed', resource }),
      );
    });
  }

  /** Wakes workers for what is due and was overlooked. Returns how many secrets. */
  async sweep(ctx: RequestContext): Promise<number> {
    const now = this.clock.now();
    if (await this.epochs.isPaused(ctx)) await this.targets.markPaused(ctx);
    const due = await this.targets.findDue(ctx, new Date(now.getTime() - OVERLOOKED_MS), now, SWEEP_BATCH);
    for (const { secretId, priority } of due)
      this.wakeUps.wake(ctx.storeId, secretId, priority >= 3 ? 'sweep' : 'retry');
    return due.length;
  }

  /** Frees what a dead predecessor was working on, for a process that knows that it is alone on this database. */
  expireLeases(ctx: RequestContext): Promise<void> {
    return this.targets.expireLeases(ctx, this.clock.now());
  }

  /** Makes targets due whose scheduled check has come, or whose vault was mended. Returns how many secrets. */
  async verifyDue(ctx: RequestContext): Promise<number> {
    const now = this.clock.now();
    const next = new Date(now.getTime() + this.config.work.verifyIntervalSeconds * 1_000);
    const mended = await this.targets.takeMended(ctx, now, VERIFY_BATCH);
    for (const secretId of mended) this.wakeUps.wake(ctx.storeId, secretId, 'retry');
    const unverified = await this.targets.takeDueVerifications(ctx, now, next, VERIFY_BATCH);
    for (const secretId of unverified) this.wakeUps.wake(ctx.storeId, secretId, 'sweep');
    return mended.length + unverified.length;
  }
}

function earlier(a: Date | null, b: Date | null): Date | null {
  if (!a || !b) return a ?? b;
  return a < b ? a : b;
}

function toView(target: SyncTargetEntity, profile: string): TargetView {
  return {
    profile,
    physicalName: target.physicalName,
    status: target.status,
    desired: { version: target.desiredVersion, presence: target.desiredPresence },
    observed: {
      version: target.observedVersion,
      presence: target.observedPresence,
      backendVersion: target.observedBackendVersion,
    },
    ownership: target.ownership,
    error:
      target.errorCode === null
        ? null
        : { code: target.errorCode, cause: target.errorCause ?? '', action: target.errorAction ?? '' },
    drift: target.drift && { kind: target.drift.kind, detectedAt: target.drift.detectedAt },
    overwrittenAt: target.overwritten?.at ?? null,
    attempts: target.attempts,
    nextAttemptAt: target.nextAttemptAt,
    verifiedAt: target.verifiedAt,
    verifiedHow: target.verifiedHow,
    syncedAt: target.syncedAt,
  };
}
