import { Inject, Injectable } from '@nestjs/common';
import { Outbox } from '@claviger/features/notifications';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import type { ChangeHandler, ChangeResult, ExecutingChange } from '@claviger/features/changes';
import { TargetLedger } from '@claviger/features/replication';
import { isVaultError } from '@claviger/vaults/contract';
import { lockForEdit } from './edit-secret.handlers.js';
import type { SecretVersionEntity } from './secret-version.entity.js';
import type { SecretEntity } from './secret.entity.js';
import { notOurs, secretNotActive, versionNotFound, versionUnavailable } from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';
import { SourceVault } from './source-vault.js';

export type VersionParameters = { readonly number: number; readonly expectedRevision?: number };
export type VersionAct = 'softDelete' | 'undelete' | 'destroy';

export const VERSION_KINDS = {
  softDelete: 'secret.version.delete',
  undelete: 'secret.version.undelete',
  destroy: 'secret.version.destroy',
} as const satisfies Record<VersionAct, string>;

/** Hides, brings back or erases one version where it is managed; the targets follow when it is the current one. */
class VersionStateHandler implements ChangeHandler<VersionParameters, 'applied'> {
  readonly kind: string;

  constructor(
    private readonly act_: VersionAct,
    private readonly secrets: SecretRepository,
    private readonly vault: SourceVault,
    private readonly targets: TargetLedger,
    private readonly events: Outbox,
    private readonly clock: Clock,
  ) {
    this.kind = VERSION_KINDS[act_];
  }

  async begin(tx: RequestContext, change: ExecutingChange<VersionParameters>): Promise<void> {
    const { number, expectedRevision } = change.parameters;
    await lockForEdit(this.secrets, tx, change, expectedRevision);
    const version = await this.secrets.findVersion(tx, change.secretId!, number);
    if (!version) throw versionNotFound();
    if (version.prunedAt) throw versionUnavailable(number, 'pruned');
    if (version.destroyedAt && this.act_ !== 'destroy') throw versionUnavailable(number, 'destroyed');
  }

  async act(ctx: RequestContext, change: ExecutingChange<VersionParameters>): Promise<'applied'> {
    const secret = await this.secrets.find(ctx, change.secretId!);
    if (secret?.state !== 'active') throw secretNotActive(secret?.state ?? 'deleted');
    await this.#apply(ctx, secret, change);
    return 'applied';
  }

  async complete(
    tx: RequestContext,
    change: ExecutingChange<VersionParameters>,
    outcome: 'applied' | undefined,
  ): Promise<ChangeResult> {
    const secret = await lockForEdit(this.secrets, tx, change, undefined);
    const { number } = change.parameters;
    // The built-in vault takes part in this transaction; any other was asked in act.
    if (!outcome) await this.#apply(tx, secret, change);
    await this.secrets.updateVersion(tx, secret.id, number, this.#rowAfter());
    await this.secrets.update(tx, secret.id, { revision: secret.revision + 1 });
    if (number === secret.currentVersion)
      await this.targets.desire(tx, secret.id, {
        version: number,
        fingerprint: secret.currentFingerprint!,
        presence: this.act_ === 'undelete' ? 'present' : 'hidden',
      });
    await this.events.add(tx, 'secret.updated', secret.id, { version: number, cause: this.kind });
    return { secretId: secret.id, version: number };
  }

  async #apply(ctx: RequestContext, secret: SecretEntity, change: ExecutingChange<VersionParameters>): Promise<void> {
    const { number } = change.parameters;
    const version = (await this.secrets.findVersion(ctx, secret.id, number))!;
    const source = await this.vault.openVersion(ctx, secret, version, change.id);
    try {
      // Another object in the place of ours has versions of the same ids.
      if (!(await this.vault.isOurs(ctx, source, secret))) throw notOurs(source.profile.name, secret.name);
      await source.adapter[this.act_](source.call, source.name, [version.backendVersion!]);
    } catch (error) {
      if (isVaultError(error, 'NOT_FOUND')) throw versionUnavailable(number, 'missing');
      throw error;
    }
  }

  #rowAfter(): Partial<SecretVersionEntity> {
    const now = this.clock.now();
    if (this.act_ === 'softDelete') return { deletedAt: now };
    if (this.act_ === 'undelete') return { deletedAt: null };
    return { destroyedAt: now };
  }
}

@Injectable()
export class VersionStateHandlers {
  readonly all: readonly ChangeHandler<VersionParameters, 'applied'>[];

  constructor(
    secrets: SecretRepository,
    vault: SourceVault,
    targets: TargetLedger,
    events: Outbox,
    @Inject(CLOCK) clock: Clock,
  ) {
    this.all = (Object.keys(VERSION_KINDS) as VersionAct[]).map(
      (act) => new VersionStateHandler(act, secrets, vault, targets, events, clock),
    );
  }
}
