import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { VaultConnections, type OpenVault } from '@claviger/features/vault-profiles';
import type { AdapterCall } from '@claviger/vaults/contract';
import { OwnershipMarker, type OwnedPlace, type Ownership } from './ownership-marker.js';
import type { SyncTargetEntity } from './sync-target.entity.js';

/** The vault of a target, opened, with what its object is named and marked with. */
export type OpenTarget = OpenVault & {
  readonly call: AdapterCall;
  readonly name: string;
  readonly place: OwnedPlace;
  /** Undefined where the vault keeps no metadata: then only the ledger knows. */
  readonly marker: Readonly<Record<string, string>> | undefined;
};

/** Opens the vaults of targets. */
@Injectable()
export class TargetVaults {
  constructor(
    private readonly connections: VaultConnections,
    private readonly ownership: OwnershipMarker,
  ) {}

  async open(ctx: RequestContext & { readonly signal: AbortSignal }, target: SyncTargetEntity): Promise<OpenTarget> {
    const vault = await this.connections.adapterFor(ctx, target.profileId);
    const place = {
      serverIdentity: vault.serverIdentity,
      physicalName: vault.canonicalPlace(target.physicalName),
      secretId: target.secretId,
    };
    return {
      ...vault,
      name: target.physicalName,
      place,
      marker: vault.capabilities.metadata ? this.ownership.metadata(ctx.storeId, place) : undefined,
      call: {
        requestId: ctx.requestId,
        signal: ctx.signal,
        idempotencyKey: `${target.secretId}/${target.desiredVersion}`,
      },
    };
  }

  /** What an object's metadata says about who owns it. */
  judge(storeId: string, vault: OpenTarget, metadata: Readonly<Record<string, string>>): Ownership {
    return this.ownership.judge(storeId, vault.place, metadata);
  }
}
