import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { HeldChanges, type Requester } from '@claviger/features/changes';
import { TargetLedger, type TargetStatus } from '@claviger/features/replication';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import type { BackendVersion } from '@claviger/vaults/contract';
import { SecretFingerprints } from './secret-fingerprints.js';
import type { SecretEntity } from './secret.entity.js';
import type { SecretVersionEntity } from './secret-version.entity.js';

/** A secret as it is shown: everything but its content. */
export type SecretView = {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly state: string;
  readonly isDisabled: boolean;
  readonly sourceProfile: string;
  readonly physicalName: string;
  readonly description: string;
  readonly owner: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly currentVersion: number;
  readonly fingerprint: string | null;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly expiresAt: Date | null;
  readonly isExpired: boolean;
  readonly rotation: {
    readonly intervalSeconds: number | null;
    readonly rotatedAt: Date | null;
    readonly dueAt: Date | null;
    readonly isOverdue: boolean;
  };
  readonly drift: { readonly kind: string; readonly detectedAt: string; readonly fingerprint?: string } | null;
  readonly replication: Partial<Record<TargetStatus, number>>;
  /** Changes of it that wait for approval, the oldest first. */
  readonly waiting: readonly WaitingChange[];
  readonly revision: number;
  readonly createdBy: Requester;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly verifiedAt: Date | null;
};

/** A change that waits for approval, as its secret shows it. */
export type WaitingChange = {
  readonly id: string;
  readonly kind: string;
  readonly requestedBy: Requester;
  readonly createdAt: Date;
};

export type VersionView = {
  readonly number: number;
  readonly isCurrent: boolean;
  readonly fingerprint: string;
  readonly profile: string;
  readonly backendVersion: string | null;
  readonly origin: string;
  readonly state: 'live' | 'deleted' | 'destroyed' | 'pruned';
  readonly reason: string | null;
  readonly changeId: string;
  readonly createdBy: Requester;
  readonly createdAt: Date;
};

/** Turns rows into what is shown. Store-wide fingerprints never leave. */
@Injectable()
export class SecretViews {
  constructor(
    private readonly profiles: VaultProfileService,
    private readonly targets: TargetLedger,
    private readonly fingerprints: SecretFingerprints,
    private readonly held: HeldChanges,
  ) {}

  async one(ctx: RequestContext, secret: SecretEntity): Promise<SecretView> {
    return (await this.many(ctx, [secret]))[0]!;
  }

  async many(ctx: RequestContext, secrets: readonly SecretEntity[]): Promise<SecretView[]> {
    const profiles = await this.profiles.names(ctx);
    const ids = secrets.map(({ id }) => id);
    const counts = await this.targets.countByStatus(ctx, ids);
    const waiting = await this.held.listWaiting(ctx, ids);
    const now = Date.now();
    return secrets.map((secret) => ({
      id: secret.id,
      name: secret.name,
      type: secret.type,
      state: secret.state,
      isDisabled: secret.isDisabled,
      sourceProfile: profiles.get(secret.sourceProfileId) ?? secret.sourceProfileId,
      physicalName: secret.physicalName,
      description: secret.description,
      owner: secret.owner,
      labels: secret.labels,
      currentVersion: secret.currentVersion,
      fingerprint:
        secret.currentFingerprint && this.fingerprints.display(ctx.storeId, secret.id, secret.currentFingerprint),
      facts: secret.facts,
      expiresAt: secret.expiresAt,
      isExpired: secret.expiresAt !== null && secret.expiresAt.getTime() <= now,
      rotation: {
        intervalSeconds: secret.rotationIntervalSeconds,
        rotatedAt: secret.rotatedAt,
        dueAt: secret.rotationDueAt,
        isOverdue: secret.rotationDueAt !== null && secret.rotationDueAt.getTime() <= now,
      },
      drift: this.#drift(ctx, secret),
      replication: counts.get(secret.id) ?? {},
      waiting: waiting
        .filter(({ secretId }) => secretId === secret.id)
        .map(({ id, kind, requestedBy, createdAt }) => ({ id, kind, requestedBy, createdAt })),
      revision: secret.revision,
      createdBy: secret.createdBy,
      createdAt: secret.createdAt,
      updatedAt: secret.updatedAt,
      verifiedAt: secret.verifiedAt,
    }));
  }

  /** @param kept the versions that the source keeps, where that is known */
  async versions(
    ctx: RequestContext,
    secret: SecretEntity,
    rows: readonly SecretVersionEntity[],
    kept: ReadonlySet<BackendVersion> | undefined,
  ): Promise<VersionView[]> {
    const profiles = await this.profiles.names(ctx);
    return rows.map((row) => ({
      number: row.number,
      isCurrent: row.number === secret.currentVersion,
      fingerprint: this.fingerprints.display(ctx.storeId, secret.id, row.fingerprint),
      profile: profiles.get(row.profileId) ?? row.profileId,
      backendVersion: row.backendVersion,
      origin: row.origin,
      state: stateOf(row, secret, kept),
      reason: row.reason,
      changeId: row.changeId,
      createdBy: row.createdBy,
      createdAt: row.createdAt,
    }));
  }

  #drift(ctx: RequestContext, secret: SecretEntity): SecretView['drift'] {
    if (!secret.drift) return null;
    const { kind, detectedAt, fingerprint } = secret.drift;
    if (!fingerprint) return { kind, detectedAt };
    return { kind, detectedAt, fingerprint: this.fingerprints.display(ctx.storeId, secret.id, fingerprint) };
  }
}

function stateOf(
  row: SecretVersionEntity,
  { currentVersion, sourceProfileId }: SecretEntity,
  kept: ReadonlySet<BackendVersion> | undefined,
): VersionView['state'] {
  if (row.destroyedAt) return 'destroyed';
  // A vault without versions keeps the newest content only.
  const isGone =
    row.backendVersion === null
      ? row.number !== currentVersion
      : row.profileId === sourceProfileId && kept?.has(row.backendVersion) === false;
  if (row.prunedAt || isGone) return 'pruned';
  return row.deletedAt ? 'deleted' : 'live';
}
