import { traceOf } from '@claviger/platform/tracing';
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type RequestContext } from '@claviger/kernel';
import { VaultConnections, VaultProfileService, type OpenVault } from '@claviger/features/vault-profiles';
import type { AdapterCall } from '@claviger/vaults/contract';
import { OwnershipMarker, type MarkerVerdict, type OwnedPlace } from './ownership-marker.js';
import type { SyncTargetEntity } from './sync-target.entity.js';

/** The vault of a target, opened, with what its object is named and marked with. */
export type OpenTarget = Pick<OpenVault, 'adapter' | 'capabilities'> & {
  /** Overwrites drift without being asked. */
  readonly repairsItself: boolean;
  readonly name: string;
  /** The metadata that an object of ours carries; none where the vault holds no metadata. */
  readonly marker: Readonly<Record<string, string>>;
  /** See {@link Marks.reclaim}. */
  readonly reclaim: Readonly<Record<string, string>>;
  /** What an object's metadata says about who owns it. */
  readonly judge: (metadata: Readonly<Record<string, string>>) => MarkerVerdict;
  /**
   * A new call. All of one attempt, and of the attempts after it until one has succeeded, are for one logical write.
   */
  readonly call: () => AdapterCall;
};

/** Opens the vaults of targets. */
@Injectable()
export class TargetVaults {
  constructor(
    private readonly connections: VaultConnections,
    private readonly profiles: VaultProfileService,
    private readonly ownership: OwnershipMarker,
  ) {}

  /**
   * The vault of a target; undefined while its profile is disabled, which leaves the vault alone.
   * @throws AppError VAULT_PROFILE_NOT_FOUND; VaultError when the server must be asked and does not answer
   */
  async open(ctx: AttemptContext, target: SyncTargetEntity): Promise<OpenTarget | undefined> {
    const { isEnabled, repair } = await this.profiles.get(ctx, target.profileId);
    if (!isEnabled) return undefined;
    const { adapter, capabilities, serverIdentity, canonicalPlace } = await this.connections.adapterFor(
      ctx,
      target.profileId,
    );
    const physicalName = canonicalPlace(target.physicalName);
    const place: OwnedPlace = { serverIdentity, physicalName, secretId: target.secretId };
    const { metadata: marker, reclaim } = this.ownership.marks(ctx.storeId, place, capabilities);
    return {
      adapter,
      capabilities,
      repairsItself: repair === 'auto',
      name: target.physicalName,
      marker,
      reclaim,
      judge: (metadata) => this.ownership.judge(ctx.storeId, place, metadata),
      call: () => ({ requestId: ctx.requestId, signal: ctx.signal, idempotencyKey: writeKey(target), ...traceOf(ctx) }),
    };
  }
}

/**
 * Names the write that brings a target from what was recorded last to what is desired: the same for every attempt at
 * it, another one once it is recorded, so that undoing somebody's change later is no repetition. It holds the
 * fingerprint too, because a database that was put back counts its generations again.
 */
export function writeKey(target: WriteOf): string {
  const { storeId, secretId, profileId, generation, desiredFingerprint, observedBackendVersion } = target;
  const text = JSON.stringify([storeId, secretId, profileId, generation, desiredFingerprint, observedBackendVersion]);
  return createHash('sha256').update(text).digest('base64url');
}

type WriteOf = Pick<
  SyncTargetEntity,
  'storeId' | 'secretId' | 'profileId' | 'generation' | 'desiredFingerprint' | 'observedBackendVersion'
>;

/** The context of one attempt at a target: it ends with the attempt. */
export type AttemptContext = RequestContext & { readonly signal: AbortSignal };
