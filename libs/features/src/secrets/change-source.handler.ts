import { Inject, Injectable } from '@nestjs/common';
import { ActAgain, type ChangeHandler, type ChangeResult, type ExecutingChange } from '@claviger/features/changes';
import { Outbox } from '@claviger/features/notifications';
import {
  TargetHandover,
  TargetLedger,
  type ConflictPolicy,
  type Ownership,
  type SyncTargetEntity,
} from '@claviger/features/replication';
import { BackendPlaces } from '@claviger/features/vault-profiles';
import { CLOCK, faultPoint, type Clock, type RequestContext } from '@claviger/kernel';
import { isVaultError, type BackendVersion } from '@claviger/vaults/contract';
import type { PlannedPlace } from './create-secret.handler.js';
import { lockForEdit } from './edit-secret.handlers.js';
import { SecretFingerprints } from './secret-fingerprints.js';
import type { SecretEntity } from './secret.entity.js';
import {
  newSourceNotEqual,
  newSourceUnreadable,
  placeDiffers,
  placeOccupied,
  secretDisabled,
  secretExists,
  secretNotActive,
  sourceChanged,
  versionUnavailable,
} from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';
import { judgeCandidate } from './source-change.policy.js';
import { SourceRecorder } from './source-recorder.js';
import { findCurrent, SourceVault } from './source-vault.js';

export type ChangeSourceParameters = {
  readonly to: PlannedPlace;
  /** Name of the profile that was the source, and its id. */
  readonly from: string;
  readonly fromId: string;
  /** The new profile is one that the secret is replicated to already. */
  readonly isTarget: boolean;
  readonly onConflict: ConflictPolicy;
  readonly expectedRevision?: number;
};

/** What was found at the new place. */
type Established = {
  /** Of the target: it was not asked to hold anything else since. */
  readonly generation: string;
  readonly version: number;
  readonly backendVersion: BackendVersion | null;
  /** How it is proven that what lies at the old place is ours. */
  readonly formerOwnership: Ownership;
};

export const CHANGE_SOURCE = 'secret.source-profile';

/** How long the workers have for making the new place equal, in milliseconds; within what one attempt may take. */
const ESTABLISH_LIMIT_MS = 20_000;
const LOOK_EVERY_MS = 25;

/**
 * Makes another profile the source of a secret. Its place is a target of the secret first, whatever it was before: so the
 * content comes there by replication, under all its rules. Once it is equal, proven by reading it there, one transaction
 * makes it the source, and what was the source a target; until then everything is read where it was.
 */
@Injectable()
export class ChangeSourceHandler implements ChangeHandler<ChangeSourceParameters, Established> {
  readonly kind = CHANGE_SOURCE;
  readonly isHistory = true;

  constructor(
    private readonly secrets: SecretRepository,
    private readonly vault: SourceVault,
    private readonly places: BackendPlaces,
    private readonly targets: TargetLedger,
    private readonly handover: TargetHandover,
    private readonly fingerprints: SecretFingerprints,
    private readonly recorder: SourceRecorder,
    private readonly events: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async begin(tx: RequestContext, change: ExecutingChange<ChangeSourceParameters>): Promise<void> {
    const { to, isTarget, onConflict, expectedRevision } = change.parameters;
    const secret = await lockForEdit(this.secrets, tx, change, expectedRevision);
    if (secret.isDisabled) throw secretDisabled();
    await this.#assertCurrentIsLive(tx, secret);
    if (await this.secrets.findByName(tx, to.profileId, secret.name)) throw secretExists(to.profile, secret.name);
    const target = await this.handover.find(tx, secret.id, to.profileId);
    // What was planned, and approved where that is needed, is what is done.
    if (isTarget && !isLasting(target)) throw sourceChanged();
    if (!isTarget) await this.#addTarget(tx, secret, change.parameters);
    else if (onConflict === 'overwrite') await this.handover.repair(tx, secret.id, to.profileId);
  }

  /** Waits until the new place is equal, and reads it there. */
  async act(ctx: RequestContext, change: ExecutingChange<ChangeSourceParameters>): Promise<Established> {
    const { to } = change.parameters;
    const giveUpAt = this.clock.now().getTime() + ESTABLISH_LIMIT_MS;
    for (;;) {
      const secret = await this.secrets.find(ctx, change.secretId!);
      if (secret?.state !== 'active') throw secretNotActive(secret?.state ?? 'deleted');
      const target = await this.handover.find(ctx, secret.id, to.profileId);
      const verdict = judgeCandidate(target, secret, this.clock.now());
      if (verdict.is === 'stopped') throw refusal(change.parameters, secret, verdict);
      const found = verdict.is === 'equal' ? await this.#read(ctx, change, secret, target!) : undefined;
      if (found) return found;
      if (ctx.signal?.aborted || this.clock.now().getTime() >= giveUpAt)
        throw newSourceNotEqual(to.profile, target?.errorCode ?? 'SOURCE_NOT_EQUAL_YET', NOT_YET);
      await this.clock.sleep(LOOK_EVERY_MS);
    }
  }

  async complete(
    tx: RequestContext,
    change: ExecutingChange<ChangeSourceParameters>,
    established: Established,
  ): Promise<ChangeResult> {
    const { to, from } = change.parameters;
    const secret = await lockForEdit(this.secrets, tx, change, undefined);
    const target = await this.handover.lock(tx, secret.id, to.profileId);
    const verdict = judgeCandidate(target, secret, this.clock.now());
    if (verdict.is === 'stopped') throw refusal(change.parameters, secret, verdict);
    if (verdict.is === 'waiting' || !isAsRead(established, target!, secret)) throw new ActAgain();
    faultPoint('source.switching');
    await this.handover.becomeSource(tx, target!);
    await this.handover.becomeTarget(tx, {
      secretId: secret.id,
      profileId: secret.sourceProfileId,
      physicalName: secret.physicalName,
      ownership: established.formerOwnership,
      holds: {
        version: secret.currentVersion,
        fingerprint: secret.currentFingerprint!,
        presence: 'present',
        backendVersion: secret.currentBackendVersion,
      },
    });
    await this.recorder.record(tx, secret, change, {
      profile: to,
      name: target!.physicalName,
      backendVersion: established.backendVersion,
    });
    const facts = { version: secret.currentVersion, from, to: to.profile };
    await this.events.add(tx, 'secret.source-changed', secret.id, facts);
    return { secretId: secret.id, ...facts };
  }

  /** Takes back what it made: a target of its own ends, with the copy that we wrote; one that there was before stays. */
  async fail(tx: RequestContext, change: ExecutingChange<ChangeSourceParameters>): Promise<void> {
    const { to, isTarget } = change.parameters;
    if (isTarget) return;
    const secretId = change.secretId!;
    // The secret first, as every change of it does.
    await this.secrets.lock(tx, secretId);
    const target = await this.handover.lock(tx, secretId, to.profileId);
    if (target && !isLasting(target)) return;
    // Nothing was written by us where what was there was equal already: that stays.
    if (target && (target.syncedAt !== null || target.unsettledUntil !== null || target.leaseOwner !== null))
      return this.targets.retire(tx, secretId, to.profileId);
    const freed = await this.targets.forget(tx, secretId, to.profileId);
    if (!target || freed.length > 0) await this.places.forget(tx, { secretId, profileId: to.profileId });
  }

  async #addTarget(
    tx: RequestContext,
    secret: SecretEntity,
    { to, onConflict }: ChangeSourceParameters,
  ): Promise<void> {
    await this.targets.add(tx, {
      secretId: secret.id,
      profileId: to.profileId,
      physicalName: to.physicalName,
      onConflict,
      desired: { version: secret.currentVersion, fingerprint: secret.currentFingerprint!, presence: 'present' },
    });
    await this.places.claim(tx, { profileId: to.profileId, physicalName: to.physicalName, secretId: secret.id });
  }

  async #assertCurrentIsLive(tx: RequestContext, secret: SecretEntity): Promise<void> {
    const version = await this.secrets.findVersion(tx, secret.id, secret.currentVersion);
    if (version?.destroyedAt) throw versionUnavailable(version.number, 'destroyed');
    if (version?.deletedAt) throw versionUnavailable(version.number, 'deleted');
  }

  /** Proves by value what the ledger says; undefined when the place was given something else to hold meanwhile. */
  async #read(
    ctx: RequestContext,
    change: ExecutingChange<ChangeSourceParameters>,
    secret: SecretEntity,
    target: SyncTargetEntity,
  ): Promise<Established | undefined> {
    const { to } = change.parameters;
    const place = { id: secret.id, sourceProfileId: to.profileId, physicalName: target.physicalName };
    const vault = await this.vault.open(ctx, place, to.profileId, change.id);
    const found = await findCurrent(vault).catch((error: unknown) => {
      throw isVaultError(error) ? newSourceUnreadable(to.profile, error) : error;
    });
    const isEqual =
      found !== undefined &&
      (found.version ?? null) === target.observedBackendVersion &&
      this.fingerprints.matches(ctx.storeId, secret.type, found.content, secret.currentFingerprint!);
    faultPoint('source.established');
    if (isEqual)
      return {
        generation: target.generation,
        version: secret.currentVersion,
        backendVersion: found.version ?? null,
        formerOwnership: await this.#formerOwnership(ctx, secret),
      };
    const now = await this.handover.find(ctx, secret.id, to.profileId);
    if (now?.generation !== target.generation || now.observedBackendVersion !== target.observedBackendVersion)
      return undefined;
    throw newSourceNotEqual(to.profile, 'TARGET_CHANGED_AT_TARGET', CHANGED_THERE);
  }

  /** A vault that does not answer now is taken for one that holds markers: that claims the least. */
  async #formerOwnership(ctx: RequestContext, secret: SecretEntity): Promise<Ownership> {
    try {
      return (await this.vault.open(ctx, secret)).marker ? 'marker' : 'ledger';
    } catch (error) {
      if (isVaultError(error)) return 'marker';
      throw error;
    }
  }
}

type Stopped = Extract<ReturnType<typeof judgeCandidate>, { is: 'stopped' }>;

/** Why the new place is not, and does not become, equal. It is certain: whoever asks must do something first. */
function refusal({ to }: ChangeSourceParameters, { name }: SecretEntity, stopped: Stopped): Error {
  if (stopped.code === 'TARGET_NOT_OURS') return placeOccupied(to.profile, name);
  if (stopped.code === 'TARGET_DIFFERS_FROM_ADOPTED') return placeDiffers(to.profile, name);
  return newSourceNotEqual(to.profile, stopped.code, stopped);
}

const NOT_YET = {
  cause: 'It was not made equal in time.',
  action: 'Check that a worker is running and that the vault answers, then ask again.',
};
const CHANGED_THERE = {
  cause: 'Somebody changed it there.',
  action: 'Sync the target first, or ask for overwrite.',
};

/** Whether the place is what was found there: not written anew since, for a new version or over somebody's change. */
function isAsRead(
  { generation, version, backendVersion }: Established,
  target: SyncTargetEntity,
  { currentVersion }: SecretEntity,
): boolean {
  const isPlace = generation === target.generation && backendVersion === target.observedBackendVersion;
  return isPlace && version === currentVersion;
}

function isLasting(target: SyncTargetEntity | null): target is SyncTargetEntity {
  return target !== null && target.desiredPresence !== 'absent' && target.desiredPresence !== 'retained';
}
