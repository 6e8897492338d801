import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { OwnershipMarker, type OwnedPlace } from '@claviger/features/replication';
import { VaultConnections, type OpenVault } from '@claviger/features/vault-profiles';
import {
  isVaultError,
  type AdapterCall,
  type BackendVersion,
  type ReadResult,
  type VaultContent,
} from '@claviger/vaults/contract';
import type { SecretEntity } from './secret.entity.js';

/** The vault of a secret's source profile, opened, with what its objects are marked with. */
export type OpenSource = OpenVault & {
  readonly call: AdapterCall;
  readonly name: string;
  readonly place: OwnedPlace;
  /** Undefined where the vault keeps no metadata: then only the ledger knows. */
  readonly marker: Readonly<Record<string, string>> | undefined;
};

type Located = Pick<SecretEntity, 'id' | 'sourceProfileId' | 'physicalName'>;

/** Opens the vaults that secrets live in. */
@Injectable()
export class SourceVault {
  constructor(
    private readonly connections: VaultConnections,
    private readonly ownership: OwnershipMarker,
  ) {}

  /** The vault of a secret, or of an older profile of its history. */
  async open(
    ctx: RequestContext,
    secret: Located,
    profileId = secret.sourceProfileId,
    idempotencyKey?: string,
  ): Promise<OpenSource> {
    const vault = await this.connections.adapterFor(ctx, profileId);
    const place = {
      serverIdentity: vault.serverIdentity,
      physicalName: vault.canonicalPlace(secret.physicalName),
      secretId: secret.id,
    };
    return {
      ...vault,
      name: secret.physicalName,
      place,
      marker: vault.capabilities.metadata ? this.ownership.metadata(ctx.storeId, place) : undefined,
      call: adapterCall(ctx, idempotencyKey),
    };
  }

  /** True when the object at the source carries our marker, or its vault cannot carry one. */
  async isOurs(ctx: RequestContext, source: OpenSource): Promise<boolean> {
    if (!source.capabilities.metadata) return true;
    const { metadata } = await source.adapter.describe(source.call, source.name);
    return this.ownership.judge(ctx.storeId, source.place, metadata) === 'ours';
  }
}

/** How a context travels to an adapter. */
export function adapterCall(ctx: RequestContext, idempotencyKey?: string): AdapterCall {
  return {
    requestId: ctx.requestId,
    signal: ctx.signal ?? NEVER,
    ...(idempotencyKey ? { idempotencyKey } : {}),
    ...(ctx.transaction ? { transaction: ctx.transaction } : {}),
    ...(ctx.hops ? { hops: ctx.hops } : {}),
  };
}

const NEVER = new AbortController().signal;

/** What is at the source now, or undefined when nothing readable is. */
export async function findCurrent(source: OpenSource, version?: BackendVersion): Promise<ReadResult | undefined> {
  try {
    return await source.adapter.read(source.call, source.name, version);
  } catch (error) {
    if (isVaultError(error, 'NOT_FOUND', 'VERSION_NOT_FOUND', 'VERSION_UNAVAILABLE')) return undefined;
    throw error;
  }
}

export type { VaultContent };
