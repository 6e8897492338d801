import { Inject, Injectable } from '@nestjs/common';
import type { ExecutingChange } from '@claviger/features/changes';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { isUniqueViolation } from '@claviger/platform/database';
import type { BackendVersion } from '@claviger/vaults/contract';
import type { PlannedPlace } from './create-secret.handler.js';
import { ReadApprovals } from './read-approval.js';
import type { SecretEntity } from './secret.entity.js';
import { secretExists } from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';

/** Where the current version lies from now on. */
export type NewSource = {
  readonly profile: Pick<PlannedPlace, 'profileId' | 'profile'>;
  readonly name: string;
  readonly backendVersion: BackendVersion | null;
};

/** Records that a secret has another source: its row, its current version's, and where the older ones are read. */
@Injectable()
export class SourceRecorder {
  constructor(
    private readonly secrets: SecretRepository,
    private readonly profiles: VaultProfileService,
    private readonly reads: ReadApprovals,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * `secret` is locked by the transaction. The content is what it was: no version is added, and rotation is not due later.
   * @throws AppError SECRET_EXISTS
   */
  async record(tx: RequestContext, secret: SecretEntity, change: ExecutingChange, to: NewSource): Promise<void> {
    const now = this.clock.now();
    if (to.name !== secret.physicalName) await this.secrets.keepNames(tx, secret.id, secret.physicalName);
    const current = (await this.secrets.findVersion(tx, secret.id, secret.currentVersion))!;
    // Who wrote the content, when and why is as before; that it is managed here is this change's doing.
    await this.secrets.insertVersion(tx, {
      ...current,
      revision: current.revision + 1,
      profileId: to.profile.profileId,
      physicalName: null,
      backendVersion: to.backendVersion,
      changeId: change.id,
      prunedAt: null,
    });
    const isRemote = await this.profiles.isRemote(tx, to.profile.profileId);
    const nextVerifyAt = isRemote ? new Date(now.getTime() + this.config.work.verifyIntervalSeconds * 1_000) : null;
    try {
      await this.secrets.update(tx, secret.id, {
        sourceProfileId: to.profile.profileId,
        physicalName: to.name,
        currentBackendVersion: to.backendVersion,
        drift: null,
        verifiedAt: now,
        nextVerifyAt,
        revision: secret.revision + 1,
      });
    } catch (error) {
      if (isUniqueViolation(error, 'uq_secret_name')) throw secretExists(to.profile.profile, secret.name);
      throw error;
    }
    // Those who decide about reading it are others now.
    await this.reads.withdraw(tx, secret.id);
  }
}
