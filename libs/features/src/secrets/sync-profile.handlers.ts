import { Injectable } from '@nestjs/common';
import { Outbox } from '@claviger/features/notifications';
import type { RequestContext } from '@claviger/kernel';
import type { ChangeHandler, ChangeResult, ExecutingChange } from '@claviger/features/changes';
import { OwnershipMarker, TargetLedger, type ConflictPolicy } from '@claviger/features/replication';
import { BackendPlaces } from '@claviger/features/vault-profiles';
import { isVaultError } from '@claviger/vaults/contract';
import type { PlannedPlace } from './create-secret.handler.js';
import { DeleteFuse } from './delete-fuse.js';
import { lockForEdit } from './edit-secret.handlers.js';
import { placeOccupied } from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';
import { SourceVault } from './source-vault.js';

/** The revision that the caller saw; absent for any. */
type Expecting = { readonly expectedRevision?: number };
export type AddSyncProfileParameters = Expecting & {
  readonly target: PlannedPlace;
  readonly onConflict: ConflictPolicy;
};
export type RemoveSyncProfileParameters = Expecting & { readonly profileId: string; readonly purge: boolean };

export const ADD_SYNC_PROFILE = 'secret.sync-profile.add';
export const REMOVE_SYNC_PROFILE = 'secret.sync-profile.remove';

/** Starts replicating a secret to one more profile. */
@Injectable()
export class AddSyncProfileHandler implements ChangeHandler<AddSyncProfileParameters, undefined> {
  readonly kind = ADD_SYNC_PROFILE;
  readonly isHistory = true;

  constructor(
    private readonly secrets: SecretRepository,
    private readonly vault: SourceVault,
    private readonly places: BackendPlaces,
    private readonly ownership: OwnershipMarker,
    private readonly targets: TargetLedger,
    private readonly events: Outbox,
  ) {}

  async begin(tx: RequestContext, change: ExecutingChange<AddSyncProfileParameters>): Promise<void> {
    await lockForEdit(this.secrets, tx, change, change.parameters.expectedRevision);
    const { profileId, physicalName } = change.parameters.target;
    // Here, because giving up the place of a change that failed later would give up that of the living target.
    await this.targets.assertAbsent(tx, change.secretId!, profileId);
    await this.places.claim(tx, { profileId, physicalName, secretId: change.secretId! });
  }

  /** Tells about an occupied place at once where the target answers; where it does not, the reconciler will. */
  async act(ctx: RequestContext, change: ExecutingChange<AddSyncProfileParameters>): Promise<undefined> {
    const { target, onConflict } = change.parameters;
    if (onConflict !== 'fail') return undefined;
    try {
      const located = { id: change.secretId!, sourceProfileId: target.profileId, physicalName: target.physicalName };
      const vault = await this.vault.open(ctx, located, target.profileId, change.id);
      const { metadata, currentVersion } = await vault.adapter.describe(vault.call, vault.name, 'current');
      const isEmpty = currentVersion === undefined && vault.capabilities.versionedReads;
      if (!isEmpty && this.ownership.judge(ctx.storeId, vault.place, metadata) !== 'ours')
        throw placeOccupied(target.profile, target.physicalName);
    } catch (error) {
      if (!isVaultError(error)) throw error;
    }
    return undefined;
  }

  async complete(tx: RequestContext, change: ExecutingChange<AddSyncProfileParameters>): Promise<ChangeResult> {
    const secret = await lockForEdit(this.secrets, tx, change, undefined);
    const version = await this.secrets.findVersion(tx, secret.id, secret.currentVersion);
    const { target, onConflict } = change.parameters;
    await this.targets.add(tx, {
      secretId: secret.id,
      profileId: target.profileId,
      physicalName: target.physicalName,
      onConflict,
      desired: {
        version: secret.currentVersion,
        fingerprint: secret.currentFingerprint!,
        presence: version?.deletedAt || version?.destroyedAt ? 'hidden' : 'present',
      },
    });
    await this.secrets.update(tx, secret.id, { revision: secret.revision + 1 });
    await this.events.add(tx, 'secret.updated', secret.id, { cause: this.kind, profile: target.profile });
    return { secretId: secret.id, profile: target.profile };
  }

  async fail(tx: RequestContext, change: ExecutingChange<AddSyncProfileParameters>): Promise<void> {
    await this.places.forget(tx, { secretId: change.secretId!, profileId: change.parameters.target.profileId });
  }
}

/** Stops replicating to a profile: the copy is left where it is, or with `purge` removed if it is ours. */
@Injectable()
export class RemoveSyncProfileHandler implements ChangeHandler<RemoveSyncProfileParameters, undefined> {
  readonly kind = REMOVE_SYNC_PROFILE;
  readonly isHistory = true;

  constructor(
    private readonly secrets: SecretRepository,
    private readonly places: BackendPlaces,
    private readonly targets: TargetLedger,
    private readonly events: Outbox,
    private readonly fuse: DeleteFuse,
  ) {}

  async begin(tx: RequestContext, change: ExecutingChange<RemoveSyncProfileParameters>): Promise<void> {
    await lockForEdit(this.secrets, tx, change, change.parameters.expectedRevision);
    if (change.parameters.purge) await this.fuse.assertHolds(tx);
  }

  async complete(tx: RequestContext, change: ExecutingChange<RemoveSyncProfileParameters>): Promise<ChangeResult> {
    const secret = await lockForEdit(this.secrets, tx, change, undefined);
    const { profileId, purge } = change.parameters;
    if (purge) await this.targets.retire(tx, secret.id, profileId);
    else {
      const [isFree] = await this.targets.forget(tx, secret.id, profileId);
      if (isFree !== undefined) await this.places.forget(tx, { secretId: secret.id, profileId });
    }
    await this.secrets.update(tx, secret.id, { revision: secret.revision + 1 });
    await this.events.add(tx, 'secret.updated', secret.id, { cause: this.kind });
    return { secretId: secret.id, purge };
  }
}
