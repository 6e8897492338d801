import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '@claviger/platform/config';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import type { ExecutingChange } from '@claviger/features/changes';
import { TargetLedger } from '@claviger/features/replication';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import type { BackendVersion } from '@claviger/vaults/contract';
import type { SecretEntity } from './secret.entity.js';
import type { SecretVersionEntity } from './secret-version.entity.js';
import { SecretRepository } from './secret.repository.js';

export type NewVersion = {
  readonly fingerprint: string;
  readonly facts: Record<string, unknown>;
  readonly backendVersion: BackendVersion | undefined;
  readonly origin: SecretVersionEntity['origin'];
};

/** Makes a new version the current one: its row, the secret's, and what the targets should hold. */
@Injectable()
export class VersionRecorder {
  constructor(
    private readonly secrets: SecretRepository,
    private readonly targets: TargetLedger,
    private readonly profiles: VaultProfileService,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** `secret` is locked by the transaction. Returns the new version's number. */
  async record(
    tx: RequestContext,
    secret: SecretEntity,
    change: ExecutingChange,
    version: NewVersion,
  ): Promise<number> {
    const number = secret.currentVersion + 1;
    const now = this.clock.now();
    const interval = secret.rotationIntervalSeconds;
    await this.secrets.insertVersion(tx, {
      storeId: tx.storeId,
      secretId: secret.id,
      number,
      fingerprint: version.fingerprint,
      profileId: secret.sourceProfileId,
      backendVersion: version.backendVersion ?? null,
      origin: version.origin,
      changeId: change.id,
      reason: change.reason ?? null,
      createdBy: change.requestedBy,
    });
    await this.secrets.update(tx, secret.id, {
      state: 'active',
      currentVersion: number,
      currentFingerprint: version.fingerprint,
      currentBackendVersion: version.backendVersion ?? null,
      facts: version.facts,
      drift: null,
      revision: secret.revision + 1,
      rotatedAt: now,
      rotationDueAt: interval === null ? null : new Date(now.getTime() + interval * 1_000),
      verifiedAt: now,
      nextVerifyAt: (await this.profiles.isRemote(tx, secret.sourceProfileId))
        ? new Date(now.getTime() + this.config.work.verifyIntervalSeconds * 1_000)
        : null,
    });
    await this.targets.desire(tx, secret.id, {
      version: number,
      fingerprint: version.fingerprint,
      presence: 'present',
    });
    return number;
  }
}
