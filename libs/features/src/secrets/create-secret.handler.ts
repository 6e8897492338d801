import { Injectable } from '@nestjs/common';
import { Outbox } from '@claviger/features/notifications';
import type { RequestContext } from '@claviger/kernel';
import { type ChangeHandler, type ChangeResult, type ExecutingChange } from '@claviger/features/changes';
import { isUniqueViolation } from '@claviger/platform/database';
import { OwnershipMarker, TargetLedger, type ConflictPolicy } from '@claviger/features/replication';
import { BackendPlaces } from '@claviger/features/vault-profiles';
import { isVaultError, type BackendVersion, type VaultContent } from '@claviger/vaults/contract';
import type { SecretType } from './content/index.js';
import { SecretFingerprints } from './secret-fingerprints.js';
import type { SecretEntity } from './secret.entity.js';
import { placeDiffers, placeOccupied, secretExists, secretNotFound } from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';
import { findCurrent, SourceVault, type OpenSource } from './source-vault.js';
import { VersionRecorder } from './version-recorder.js';

/** One vault of a new secret: its source, or a profile that it is replicated to. */
export type PlannedPlace = { readonly profileId: string; readonly profile: string; readonly physicalName: string };

export type CreateParameters = {
  readonly name: string;
  readonly type: SecretType;
  readonly source: PlannedPlace;
  readonly targets: readonly PlannedPlace[];
  readonly onConflict: ConflictPolicy;
  readonly description: string;
  readonly owner: string | null;
  readonly labels: Record<string, string>;
  readonly expiresAt: string | null;
  readonly rotationIntervalSeconds: number | null;
  readonly fingerprint: string;
  readonly facts: Record<string, unknown>;
};

type Outcome = {
  readonly backendVersion: BackendVersion | undefined;
  readonly adopted: boolean;
  /** Of content that was not ours and is overwritten now. */
  readonly lostFingerprint?: string;
};

export const CREATE_SECRET = 'secret.create';

/** Creates a secret: reserves its name and place, writes version 1 at the source, and sets its targets going. */
@Injectable()
export class CreateSecretHandler implements ChangeHandler<CreateParameters, Outcome | undefined> {
  readonly kind = CREATE_SECRET;
  readonly isHistory = true;

  constructor(
    private readonly secrets: SecretRepository,
    private readonly vault: SourceVault,
    private readonly places: BackendPlaces,
    private readonly ownership: OwnershipMarker,
    private readonly fingerprints: SecretFingerprints,
    private readonly recorder: VersionRecorder,
    private readonly targets: TargetLedger,
    private readonly events: Outbox,
  ) {}

  async begin(tx: RequestContext, change: ExecutingChange<CreateParameters>): Promise<void> {
    const held = await this.secrets.lock(tx, change.secretId!);
    if (held?.state === 'pending_approval') await this.secrets.update(tx, held.id, { state: 'creating' });
    else await this.#reserve(tx, change, 'creating');
  }

  /** Its name and places are its own while it waits. */
  async hold(
    tx: RequestContext,
    change: ExecutingChange<CreateParameters>,
  ): Promise<ExecutingChange<CreateParameters>> {
    await this.#reserve(tx, change, 'pending_approval');
    return change;
  }

  async release(tx: RequestContext, change: ExecutingChange<CreateParameters>): Promise<void> {
    await this.places.forget(tx, { secretId: change.secretId! });
    await this.secrets.update(tx, change.secretId!, { state: 'rejected' });
  }

  async #reserve(
    tx: RequestContext,
    change: ExecutingChange<CreateParameters>,
    state: 'creating' | 'pending_approval',
  ): Promise<void> {
    const { parameters: p } = change;
    const secretId = change.secretId!;
    try {
      await this.secrets.insert(tx, {
        storeId: tx.storeId,
        id: secretId,
        name: p.name,
        type: p.type,
        state,
        sourceProfileId: p.source.profileId,
        physicalName: p.source.physicalName,
        description: p.description,
        owner: p.owner,
        labels: p.labels,
        facts: p.facts,
        expiresAt: p.expiresAt === null ? null : new Date(p.expiresAt),
        rotationIntervalSeconds: p.rotationIntervalSeconds,
        revision: 0,
        createdBy: change.requestedBy,
      });
    } catch (error) {
      if (isUniqueViolation(error, 'pk_secret')) throw secretNotFound();
      if (isUniqueViolation(error, 'uq_secret_name')) throw secretExists(p.source.profile, p.name);
      throw error;
    }
    // In one order, whichever of them is the source: else two secrets in the same profiles wait for each other.
    for (const place of [p.source, ...p.targets].sort((a, b) => (a.profileId < b.profileId ? -1 : 1)))
      await this.places.claim(tx, { profileId: place.profileId, physicalName: place.physicalName, secretId });
  }

  async act(ctx: RequestContext, change: ExecutingChange<CreateParameters>): Promise<Outcome | undefined> {
    assertCreating(await this.secrets.find(ctx, change.secretId!));
    await this.#refuseOccupiedTargets(ctx, change);
    const source = await this.#open(ctx, change, change.parameters.source);
    return source.isRemote ? this.#write(ctx, source, change) : undefined;
  }

  async complete(
    tx: RequestContext,
    change: ExecutingChange<CreateParameters>,
    outcome: Outcome | undefined,
  ): Promise<ChangeResult> {
    const { parameters: p } = change;
    // It may have been forgotten while its vault was being written.
    const secret = assertCreating(await this.secrets.lock(tx, change.secretId!));
    // The built-in vault takes part in this transaction; any other was written in act.
    const written = outcome ?? (await this.#write(tx, await this.#open(tx, change, p.source), change));
    const version = await this.recorder.record(tx, secret, change, {
      fingerprint: p.fingerprint,
      facts: p.facts,
      backendVersion: written.backendVersion,
      origin: written.adopted ? 'adopted' : 'written',
    });
    for (const target of p.targets)
      await this.targets.add(tx, {
        secretId: secret.id,
        profileId: target.profileId,
        physicalName: target.physicalName,
        onConflict: p.onConflict,
        desired: { version, fingerprint: p.fingerprint, presence: 'present' },
      });
    await this.events.add(tx, 'secret.created', secret.id, { version });
    return {
      secretId: secret.id,
      version,
      adopted: written.adopted,
      ...(written.lostFingerprint
        ? { overwroteForeign: this.fingerprints.display(tx.storeId, secret.id, written.lostFingerprint) }
        : {}),
    };
  }

  async fail(tx: RequestContext, change: ExecutingChange<CreateParameters>): Promise<void> {
    const secret = await this.secrets.lock(tx, change.secretId!);
    await this.places.forget(tx, { secretId: change.secretId! });
    // One that was forgotten meanwhile stays as it was told: deleted.
    if (secret?.state === 'creating') await this.secrets.remove(tx, secret.id);
  }

  async #write(ctx: RequestContext, source: OpenSource, change: ExecutingChange<CreateParameters>): Promise<Outcome> {
    const content = change.payload!;
    try {
      const { adapter, call, name, marker, reclaim } = source;
      const receipt = await adapter.create(call, name, content, marker, reclaim);
      return { backendVersion: receipt.version, adopted: false };
    } catch (error) {
      if (!isVaultError(error, 'ALREADY_EXISTS')) throw error;
      return this.#settleConflict(ctx, source, change, content);
    }
  }

  async #settleConflict(
    ctx: RequestContext,
    source: OpenSource,
    change: ExecutingChange<CreateParameters>,
    content: VaultContent,
  ): Promise<Outcome> {
    const { parameters: p } = change;
    const found = await findCurrent(source);
    const isEqual = found !== undefined && this.fingerprints.matches(ctx.storeId, p.type, found.content, p.fingerprint);
    if (isEqual && (await this.#isOwnEarlierWrite(ctx, source, change)))
      return { backendVersion: found.version, adopted: false };
    if (p.onConflict === 'fail') throw placeOccupied(p.source.profile, p.name);
    if (p.onConflict === 'adopt-if-equal') {
      if (!isEqual) throw placeDiffers(p.source.profile, p.name);
      await this.#mark(source);
      return { backendVersion: found.version, adopted: true };
    }
    await this.#mark(source);
    const receipt = await source.adapter.put(source.call, source.name, content);
    const lost = found && this.fingerprints.ofFound(ctx.storeId, p.type, found.content, p.fingerprint);
    return { backendVersion: receipt.version, adopted: false, ...(lost ? { lostFingerprint: lost } : {}) };
  }

  /** Is what we found what an earlier attempt wrote of which we had no answer? Without metadata, equal content must do. */
  async #isOwnEarlierWrite(
    ctx: RequestContext,
    source: OpenSource,
    change: ExecutingChange<CreateParameters>,
  ): Promise<boolean> {
    if (!source.capabilities.metadata) return change.isResumed;
    const { metadata } = await source.adapter.describe(source.call, source.name, 'current');
    return this.ownership.judge(ctx.storeId, source.place, metadata) === 'ours';
  }

  async #mark(source: OpenSource): Promise<void> {
    if (source.marker) await source.adapter.setMetadata(source.call, source.name, source.marker);
  }

  /** Tells about an occupied place at once where the target answers; where it does not, the reconciler will. */
  async #refuseOccupiedTargets(ctx: RequestContext, change: ExecutingChange<CreateParameters>): Promise<void> {
    if (change.parameters.onConflict !== 'fail') return;
    await Promise.all(
      change.parameters.targets.map(async (target) => {
        const occupied = await this.#isOccupied(ctx, change, target).catch((error: unknown) => {
          if (isVaultError(error)) return false;
          throw error;
        });
        if (occupied) throw placeOccupied(target.profile, target.physicalName);
      }),
    );
  }

  async #isOccupied(
    ctx: RequestContext,
    change: ExecutingChange<CreateParameters>,
    target: PlannedPlace,
  ): Promise<boolean> {
    const vault = await this.#open(ctx, change, target);
    const { metadata, currentVersion } = await vault.adapter.describe(vault.call, vault.name, 'current');
    const isEmpty = currentVersion === undefined && vault.capabilities.versionedReads;
    return !isEmpty && this.ownership.judge(ctx.storeId, vault.place, metadata) !== 'ours';
  }

  #open(ctx: RequestContext, change: ExecutingChange<CreateParameters>, place: PlannedPlace): Promise<OpenSource> {
    const located = { id: change.secretId!, sourceProfileId: place.profileId, physicalName: place.physicalName };
    return this.vault.open(ctx, located, place.profileId, change.id);
  }
}

function assertCreating(secret: SecretEntity | null): SecretEntity {
  if (secret?.state !== 'creating') throw secretNotFound();
  return secret;
}
