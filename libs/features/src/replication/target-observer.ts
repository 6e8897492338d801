import { Inject, Injectable } from '@nestjs/common';
import { AppError, isAppError, type RequestContext } from '@claviger/kernel';
import {
  isVaultError,
  type BackendVersion,
  type ObjectDescription,
  type VaultContent,
} from '@claviger/vaults/contract';
import type { SeenContent, Sighting } from './reconcile.policy.js';
import { REPLICATION_SOURCE, type ReplicatedSecret, type ReplicationSource } from './replication-source.js';
import type { SyncTargetEntity } from './sync-target.entity.js';
import type { OpenTarget } from './target-vaults.js';

/** In place of a fingerprint: there is content, and it is nothing that a secret can hold. Equal to no fingerprint. */
export const UNFIT_CONTENT = 'unfit';

const LOOKS = 3;

type Look = { readonly secret: ReplicatedSecret; readonly target: SyncTargetEntity; readonly vault: OpenTarget };
type Content = { readonly content: SeenContent; readonly version: BackendVersion | undefined };

/** Looks at places. */
@Injectable()
export class TargetObserver {
  constructor(@Inject(REPLICATION_SOURCE) private readonly source: ReplicationSource) {}

  /**
   * What is at the place of a target now: one call, or two where the vault holds markers.
   * @throws VaultError; AppError TARGET_CONTENDED when it keeps changing
   */
  async look(ctx: RequestContext, look: Look): Promise<Sighting> {
    const { vault } = look;
    for (let attempt = 1; attempt <= LOOKS; attempt += 1) {
      // The marker last: when another object takes the place in between, its marker counts and not that of ours.
      const found = await this.#read(ctx, look);
      if (!vault.capabilities.metadata)
        return found ? { exists: true, marker: 'unmarked', ...found } : { exists: false };
      const description = await describe(vault);
      if (!description) return { exists: false };
      const seen = join(found, description);
      if (seen) return { exists: true, marker: vault.judge(description.metadata), ...seen };
    }
    throw contended();
  }

  /** The newest version; undefined when nothing was ever written, or there is nothing at all. */
  async #read(ctx: RequestContext, { secret, target, vault }: Look): Promise<Content | undefined> {
    try {
      const { content, version } = await vault.adapter.read(vault.call(), vault.name);
      return { content: await this.#identify(ctx, secret, target, content), version };
    } catch (error) {
      if (isVaultError(error, 'NOT_FOUND', 'VERSION_NOT_FOUND')) return undefined;
      if (!isVaultError(error, 'VERSION_UNAVAILABLE')) throw error;
      const { state, version } = (error.details ?? {}) as { state?: string; version?: string };
      return { content: { is: state === 'destroyed' ? 'destroyed' : 'hidden' }, version };
    }
  }

  async #identify(
    ctx: RequestContext,
    secret: ReplicatedSecret,
    { desiredFingerprint }: SyncTargetEntity,
    content: VaultContent,
  ): Promise<SeenContent> {
    const fingerprint = this.#fingerprint(ctx, secret, content, desiredFingerprint);
    const isKnown =
      fingerprint === desiredFingerprint ||
      (fingerprint !== UNFIT_CONTENT && (await this.source.findVersion(ctx, secret.id, fingerprint)) !== undefined);
    return { is: 'readable', fingerprint, isKnown };
  }

  #fingerprint(ctx: RequestContext, secret: ReplicatedSecret, content: VaultContent, like: string): string {
    try {
      return this.source.fingerprint(ctx, secret, content, like);
    } catch (error) {
      if (isAppError(error) && (error.kind === 'invalid' || error.kind === 'too_large')) return UNFIT_CONTENT;
      throw error;
    }
  }
}

async function describe(vault: OpenTarget): Promise<ObjectDescription | undefined> {
  try {
    return await vault.adapter.describe(vault.call(), vault.name);
  } catch (error) {
    if (isVaultError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** What was read and what was described as one; undefined when the place was changed in between. */
function join(found: Content | undefined, { currentVersion }: ObjectDescription): Content | undefined {
  if (!found) return currentVersion === undefined ? { content: { is: 'none' }, version: undefined } : undefined;
  const version = found.version ?? currentVersion;
  return currentVersion === undefined || version === currentVersion ? { ...found, version } : undefined;
}

const contended = (): AppError =>
  new AppError({
    code: 'TARGET_CONTENDED',
    kind: 'conflict',
    message: 'The place keeps changing while it is looked at.',
    retryable: true,
  });
