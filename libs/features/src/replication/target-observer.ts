import { Inject, Injectable } from '@nestjs/common';
import { isAppError, type RequestContext } from '@claviger/kernel';
import { isVaultError, type BackendVersion, type VaultContent } from '@claviger/vaults/contract';
import type { MarkerVerdict } from './ownership-marker.js';
import type { SeenContent, Sighting } from './reconcile.policy.js';
import { REPLICATION_SOURCE, type ReplicatedSecret, type ReplicationSource } from './replication-source.js';
import type { SyncTargetEntity } from './sync-target.entity.js';
import type { OpenTarget } from './target-vaults.js';

/** In place of a fingerprint: there is content, and it is nothing that a secret can hold. Equal to no fingerprint. */
export const UNFIT_CONTENT = 'unfit';

/** Looks at places. */
@Injectable()
export class TargetObserver {
  constructor(@Inject(REPLICATION_SOURCE) private readonly source: ReplicationSource) {}

  /** What is at the place of a target now: one call, or two where the vault holds markers. @throws VaultError */
  async look(
    ctx: RequestContext,
    { secret, target, vault }: { secret: ReplicatedSecret; target: SyncTargetEntity; vault: OpenTarget },
  ): Promise<Sighting> {
    let described: { marker: MarkerVerdict; version: BackendVersion | undefined } | undefined;
    try {
      if (vault.capabilities.metadata) {
        const { metadata, currentVersion } = await vault.adapter.describe(vault.call(), vault.name);
        described = { marker: vault.judge(metadata), version: currentVersion };
      }
      const { content, version } = await vault.adapter.read(vault.call(), vault.name);
      const seen = await this.#fingerprint(ctx, secret, target, content);
      return { exists: true, marker: described?.marker ?? 'unmarked', version, content: seen };
    } catch (error) {
      const marker = described?.marker ?? 'unmarked';
      if (isVaultError(error, 'VERSION_UNAVAILABLE')) {
        const { state, version } = (error.details ?? {}) as { state?: string; version?: string };
        const is = state === 'destroyed' ? 'destroyed' : 'hidden';
        return { exists: true, marker, version: described?.version ?? version, content: { is } };
      }
      if (!isVaultError(error, 'NOT_FOUND', 'VERSION_NOT_FOUND')) throw error;
      const isMetadataOnly = described !== undefined && described.version === undefined;
      return isMetadataOnly ? { exists: true, marker, version: undefined, content: { is: 'none' } } : { exists: false };
    }
  }

  async #fingerprint(
    ctx: RequestContext,
    secret: ReplicatedSecret,
    { desiredFingerprint }: SyncTargetEntity,
    content: VaultContent,
  ): Promise<SeenContent> {
    const fingerprint = this.#of(ctx, secret, content, desiredFingerprint);
    const isKnown =
      fingerprint === desiredFingerprint ||
      (fingerprint !== UNFIT_CONTENT && (await this.source.findVersion(ctx, secret.id, fingerprint)) !== undefined);
    return { is: 'readable', fingerprint, isKnown };
  }

  #of(ctx: RequestContext, secret: ReplicatedSecret, content: VaultContent, like: string): string {
    try {
      return this.source.fingerprint(ctx, secret, content, like);
    } catch (error) {
      if (isAppError(error) && (error.kind === 'invalid' || error.kind === 'too_large')) return UNFIT_CONTENT;
      throw error;
    }
  }
}
