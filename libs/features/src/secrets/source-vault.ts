import { traceOf } from '@claviger/platform/tracing';
import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { OwnershipMarker, type OwnedPlace } from '@claviger/features/replication';
import { VaultConnections, type OpenVault } from '@claviger/features/vault-profiles';
import { isVaultError, type AdapterCall, type BackendVersion, type ReadResult } from '@claviger/vaults/contract';
import { SecretFingerprints } from './secret-fingerprints.js';
import type { SecretEntity } from './secret.entity.js';
import { SecretRepository } from './secret.repository.js';
import type { SecretVersionEntity } from './secret-version.entity.js';

/** The vault of a secret's source profile, opened, with what its objects are marked with. */
export type OpenSource = OpenVault & {
  readonly call: AdapterCall;
  readonly name: string;
  readonly place: OwnedPlace;
  /** Undefined where the vault keeps no metadata: then only the ledger knows. */
  readonly marker: Readonly<Record<string, string>> | undefined;
  /** See `Marks` of the ownership marker. */
  readonly reclaim: Readonly<Record<string, string>>;
};

type Located = Pick<SecretEntity, 'id' | 'sourceProfileId' | 'physicalName'>;
type Identified = Pick<SecretEntity, 'id' | 'type' | 'currentFingerprint'>;
type Recorded = Pick<SecretEntity, 'type' | 'currentBackendVersion' | 'currentFingerprint'>;

/** Opens the vaults that secrets live in. */
@Injectable()
export class SourceVault {
  constructor(
    private readonly connections: VaultConnections,
    private readonly ownership: OwnershipMarker,
    private readonly secrets: SecretRepository,
    private readonly fingerprints: SecretFingerprints,
  ) {}

  /** The vault that manages a version, or managed it. */
  openVersion(
    ctx: RequestContext,
    { id, physicalName }: Pick<Located, 'id' | 'physicalName'>,
    version: Pick<SecretVersionEntity, 'profileId' | 'physicalName'>,
    idempotencyKey?: string,
  ): Promise<OpenSource> {
    const there = { id, sourceProfileId: version.profileId, physicalName: version.physicalName ?? physicalName };
    return this.open(ctx, there, version.profileId, idempotencyKey);
  }

  /** The vault of a secret. */
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
    const { metadata, reclaim } = this.ownership.marks(ctx.storeId, place, vault.capabilities);
    return {
      ...vault,
      name: secret.physicalName,
      place,
      marker: vault.capabilities.metadata ? metadata : undefined,
      reclaim,
      call: adapterCall(ctx, idempotencyKey),
    };
  }

  /**
   * Whether the object at a place that the ledger calls the secret's is still that: it carries our marker or, where there
   * is none, nothing that was never a version of the secret.
   * @throws VaultError, NOT_FOUND when nothing is there
   */
  async isOurs(ctx: RequestContext, source: OpenSource, secret: Identified): Promise<boolean> {
    if (source.capabilities.metadata) {
      const { metadata } = await source.adapter.describe(source.call, source.name, 'current');
      const verdict = this.ownership.judge(ctx.storeId, source.place, metadata);
      if (verdict !== 'unmarked') return verdict === 'ours';
    }
    try {
      const found = await findReadable(source);
      return found === undefined || (await this.#isKnown(ctx, secret, found));
    } catch (error) {
      // What is no content was never a version of the secret.
      if (isVaultError(error, 'INVALID_VALUE')) return false;
      throw error;
    }
  }

  /**
   * Whether one of these versions of the object is the one that was recorded last. Where it is not, the object is another
   * one in the place of ours, and all older versions are gone with it: the ids say nothing, they begin anew.
   */
  async keepsCurrent(
    ctx: RequestContext,
    source: OpenSource,
    { type, currentBackendVersion, currentFingerprint }: Recorded,
    ids: readonly BackendVersion[],
  ): Promise<boolean> {
    if (currentBackendVersion === null || !ids.includes(currentBackendVersion)) return false;
    const found = await findCurrent(source, currentBackendVersion);
    return !found || this.fingerprints.matches(ctx.storeId, type, found.content, currentFingerprint!);
  }

  async #isKnown(ctx: RequestContext, secret: Identified, { content }: ReadResult): Promise<boolean> {
    const like = secret.currentFingerprint!;
    const fingerprints = this.fingerprints.underAll(ctx.storeId, secret.type, content, like);
    if (fingerprints[0] === like) return true;
    return (await this.secrets.findVersionByFingerprint(ctx, secret.id, fingerprints)) !== undefined;
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
    ...traceOf(ctx),
  };
}

const NEVER = new AbortController().signal;

/** What is at the source now, or undefined when nothing readable is. */
export async function findCurrent(source: OpenSource, version?: BackendVersion): Promise<ReadResult | undefined> {
  try {
    return await source.adapter.read(source.call, source.name, version);
  } catch (error) {
    if (isVaultError(error, 'NOT_FOUND', 'VERSION_NOT_FOUND', 'VERSION_UNAVAILABLE', 'INVALID_VALUE')) return undefined;
    throw error;
  }
}

/** What is at the source now, or undefined when its newest version is hidden or destroyed. @throws VaultError, NOT_FOUND */
async function findReadable(source: OpenSource): Promise<ReadResult | undefined> {
  try {
    return await source.adapter.read(source.call, source.name);
  } catch (error) {
    if (isVaultError(error, 'VERSION_NOT_FOUND', 'VERSION_UNAVAILABLE')) return undefined;
    throw error;
  }
}
