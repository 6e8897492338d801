import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import type { ChangeHandler, ChangeResult, ExecutingChange } from '@claviger/features/changes';
import { TargetLedger } from '@claviger/features/replication';
import { BackendPlaces } from '@claviger/features/vault-profiles';
import { isVaultError } from '@claviger/vaults/contract';
import { SecretEvents } from './secret-events.js';
import { placeOccupied, secretNotFound, staleMatch } from './secret.errors.js';
import type { SecretEntity } from './secret.entity.js';
import { SecretRepository } from './secret.repository.js';
import { SourceVault, type OpenSource } from './source-vault.js';

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
export class DeleteSecretHandler implements ChangeHandler<DeleteParameters, undefined> {
  readonly kind = DELETE_SECRET;

  constructor(
    private readonly secrets: SecretRepository,
    private readonly vault: SourceVault,
    private readonly targets: TargetLedger,
    private readonly places: BackendPlaces,
    private readonly events: SecretEvents,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async begin(tx: RequestContext, change: ExecutingChange<DeleteParameters>): Promise<void> {
    const secret = await this.#lock(tx, change.secretId!);
    const { expectedRevision } = change.parameters;
    if (expectedRevision !== undefined && expectedRevision !== secret.revision) throw staleMatch(secret.revision);
  }

  async act(ctx: RequestContext, change: ExecutingChange<DeleteParameters>): Promise<undefined> {
    const secret = (await this.secrets.find(ctx, change.secretId!))!;
    const source = await this.#open(ctx, secret, change);
    if (source.isRemote) await this.#purge(ctx, source, change);
    return undefined;
  }

  async complete(tx: RequestContext, change: ExecutingChange<DeleteParameters>): Promise<ChangeResult> {
    const secret = await this.#lock(tx, change.secretId!);
    if (change.parameters.retain) return this.#forget(tx, secret);
    const source = await this.#open(tx, secret, change);
    if (!source.isRemote) await this.#purge(tx, source, change);
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
    const secret = await this.secrets.lock(tx, id);
    if (!secret || secret.state === 'deleted') throw secretNotFound();
    return secret;
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

  /** Removes the object at the source, unless its marker says that somebody else has taken the place. */
  async #purge(ctx: RequestContext, source: OpenSource, change: ExecutingChange<DeleteParameters>): Promise<void> {
    try {
      if (!(await this.vault.isOurs(ctx, source))) throw placeOccupied(source.profile.name, change.subject.name);
    } catch (error) {
      if (isVaultError(error, 'NOT_FOUND')) return;
      throw error;
    }
    await source.adapter.purge(source.call, source.name);
  }

  #open(ctx: RequestContext, secret: SecretEntity, change: ExecutingChange): Promise<OpenSource> {
    return this.vault.open(ctx, secret, secret.sourceProfileId, change.id);
  }
}
