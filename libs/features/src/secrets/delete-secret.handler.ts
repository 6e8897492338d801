import { Inject, Injectable } from '@nestjs/common';
import { Outbox } from '@claviger/features/notifications';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import type { ChangeHandler, ChangeResult, ExecutingChange } from '@claviger/features/changes';
import { TargetLedger } from '@claviger/features/replication';
import { BackendPlaces } from '@claviger/features/vault-profiles';
import { isVaultError } from '@claviger/vaults/contract';
import { DeleteFuse } from './delete-fuse.js';
import { notOurs, secretNotActive, secretNotFound, staleMatch } from './secret.errors.js';
import { assertSourceAsJudged } from './secret-gating.js';
import type { SecretEntity } from './secret.entity.js';
import { SecretRepository } from './secret.repository.js';
import { SourceVault } from './source-vault.js';

export type DeleteParameters = {
  /** Forget the secret and leave every vault as it is. */
  readonly retain: boolean;
  readonly expectedRevision?: number;
};

export const DELETE_SECRET = 'secret.delete';

/**
 * Deletes a secret in every vault that holds it: at the source at once, at the targets by replication; it is `deleting`
 * until the last copy is confirmed to be gone. With `retain` it is only forgotten. Its history outlives it.
 */
@Injectable()
export class DeleteSecretHandler implements ChangeHandler<DeleteParameters, 'purged'> {
  readonly kind = DELETE_SECRET;

  constructor(
    private readonly secrets: SecretRepository,
    private readonly vault: SourceVault,
    private readonly targets: TargetLedger,
    private readonly places: BackendPlaces,
    private readonly events: Outbox,
    private readonly fuse: DeleteFuse,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async begin(tx: RequestContext, change: ExecutingChange<DeleteParameters>): Promise<void> {
    const secret = await this.#lock(tx, change.secretId!);
    assertSourceAsJudged(secret, change);
    const { expectedRevision, retain } = change.parameters;
    // What is just being created is deleted when it is there; to forget it is possible at any time.
    if (secret.state === 'creating' && !retain) throw secretNotActive(secret.state);
    // What was rejected was never there; what waits is taken back where it waits.
    if (secret.state === 'pending_approval' || (secret.state === 'rejected' && !retain))
      throw secretNotActive(secret.state);
    if (expectedRevision !== undefined && expectedRevision !== secret.revision) throw staleMatch(secret.revision);
    if (!retain) await this.fuse.assertHolds(tx);
  }

  async act(ctx: RequestContext, change: ExecutingChange<DeleteParameters>): Promise<'purged'> {
    // It may have been forgotten since, which leaves its vault alone.
    const secret = assertExists(await this.secrets.find(ctx, change.secretId!));
    await this.#purge(ctx, secret, change);
    return 'purged';
  }

  async complete(
    tx: RequestContext,
    change: ExecutingChange<DeleteParameters>,
    outcome: 'purged' | undefined,
  ): Promise<ChangeResult> {
    const secret = await this.#lock(tx, change.secretId!);
    if (change.parameters.retain) return this.#forget(tx, secret);
    // The built-in vault takes part in this transaction; any other was purged in act.
    if (!outcome) await this.#purge(tx, secret, change);
    await this.secrets.markDestroyed(tx, secret);
    await this.places.forget(tx, { secretId: secret.id, profileId: secret.sourceProfileId });
    const left = await this.targets.desire(tx, secret.id, {
      version: secret.currentVersion,
      fingerprint: secret.currentFingerprint!,
      presence: 'absent',
    });
    if (left > 0) {
      await this.secrets.update(tx, secret.id, { state: 'deleting', revision: secret.revision + 1 });
      return { secretId: secret.id, state: 'deleting', targets: left };
    }
    return this.#end(tx, secret);
  }

  /** The last copy at the targets is gone. In a transaction. */
  async allTargetsGone(tx: RequestContext, secretId: string): Promise<void> {
    const secret = await this.secrets.lock(tx, secretId);
    if (secret?.state === 'deleting') await this.#end(tx, secret);
  }

  async #lock(tx: RequestContext, id: string): Promise<SecretEntity> {
    return assertExists(await this.secrets.lock(tx, id));
  }

  async #forget(tx: RequestContext, secret: SecretEntity): Promise<ChangeResult> {
    for (const profileId of [secret.sourceProfileId, ...(await this.targets.forget(tx, secret.id))])
      await this.places.forget(tx, { secretId: secret.id, profileId });
    return this.#end(tx, secret);
  }

  async #end(tx: RequestContext, secret: SecretEntity): Promise<ChangeResult> {
    await this.secrets.update(tx, secret.id, {
      state: 'deleted',
      revision: secret.revision + 1,
      drift: null,
      deletedAt: this.clock.now(),
    });
    await this.events.add(tx, 'secret.deleted', secret.id);
    return { secretId: secret.id, state: 'deleted' };
  }

  /** Removes the object at the source, unless it is somebody else's by now. */
  async #purge(ctx: RequestContext, secret: SecretEntity, change: ExecutingChange<DeleteParameters>): Promise<void> {
    // Its place was given up when the deletion began; by now it may be another secret's.
    if (secret.state === 'deleting') return;
    const source = await this.vault.open(ctx, secret, secret.sourceProfileId, change.id);
    try {
      if (!(await this.vault.isOurs(ctx, source, secret))) throw notOurs(source.profile.name, secret.name);
    } catch (error) {
      if (isVaultError(error, 'NOT_FOUND')) return;
      throw error;
    }
    await source.adapter.purge(source.call, source.name);
  }
}

function assertExists(secret: SecretEntity | null): SecretEntity {
  if (!secret || secret.state === 'deleted') throw secretNotFound();
  return secret;
}
