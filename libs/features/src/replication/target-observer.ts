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
   * What is at the place of a target now: one call; two where the vault holds markers, three where
   * ours is missing.
   * @throws VaultError; AppError TARGET_CONTENDED when it keeps changing
   */
  async look(ctx: RequestContext, look: Look): Promise<Sighting> {
    const { vault } = look;
    let found = await this.#read(ctx, look);
    if (!vault.capabilities.metadata) return found ? { exists: true, marker: 'unmarked', ...found } : { exists: false };
    for (let attempt = 1; attempt <= LOOKS; attempt += 1) {
      // The marker after the content: when another object takes the place in between, its marker counts and not ours.
      const description = await describe(vault);
      if (!description) return { exists: false };
      const marker = vault.judge(description.metadata);
      const seen = join(found, description);
      if (seen && (marker === 'ours' || seen.content.is === 'none')) return { exists: true, marker, ...seen };
      // Without our marker the content counts, and what was read first may have been that of our lost object.
      found = await this.#read(ctx, look);
      if (seen && isSame(seen, found)) return { exists: true, marker, ...seen };
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
      if (isVaultError(error, 'INVALID_VALUE')) return unfit(error.details);
      if (!isVaultError(error, 'VERSION_UNAVAILABLE')) throw error;
      const { state, version } = (error.details ?? {}) as { state?: string; version?: string };
      return { content: { is: state === 'destroyed' ? 'destroyed' : 'hidden' }, version };
    }
  }

  /**
   * The fingerprint as it was recorded, where it was: what was recorded under an older key is compared with as it stands,
   * and never with one of another key.
   */
  async #identify(
    ctx: RequestContext,
    secret: ReplicatedSecret,
    { desiredFingerprint, observedFingerprint, drift }: SyncTargetEntity,
    content: VaultContent,
  ): Promise<SeenContent> {
    const fingerprints = this.#fingerprints(ctx, secret, content, desiredFingerprint);
    if (!fingerprints) return UNFIT;
    const recorded = [desiredFingerprint, observedFingerprint, drift?.fingerprint];
    const fingerprint = recorded.find((one) => one && fingerprints.includes(one)) ?? fingerprints[0];
    const isKnown =
      fingerprint === desiredFingerprint || (await this.source.findVersion(ctx, secret.id, fingerprints)) !== undefined;
    return { is: 'readable', fingerprint, isKnown };
  }

  #fingerprints(
    ctx: RequestContext,
    secret: ReplicatedSecret,
    content: VaultContent,
    like: string,
  ): readonly [string, ...string[]] | undefined {
    try {
      return this.source.fingerprints(ctx, secret, content, like);
    } catch (error) {
      if (isAppError(error) && (error.kind === 'invalid' || error.kind === 'too_large')) return undefined;
      throw error;
    }
  }
}

const UNFIT = { is: 'readable', fingerprint: UNFIT_CONTENT, isKnown: false } as const;

/** There is something that is no content at all. */
function unfit(details: Readonly<Record<string, unknown>> | undefined): Content {
  const version = details?.['version'];
  return {
    content: UNFIT,
    version: typeof version === 'string' ? version : undefined,
  };
}

async function describe(vault: OpenTarget): Promise<ObjectDescription | undefined> {
  try {
    return await vault.adapter.describe(vault.call(), vault.name, 'current');
  } catch (error) {
    if (isVaultError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** What was read and what was described as one; undefined when the place was changed in between. */
function join(found: Content | undefined, { currentVersion, versions }: ObjectDescription): Content | undefined {
  if (!found) return currentVersion === undefined ? { content: { is: 'none' }, version: undefined } : undefined;
  const isLive = versions.some(({ version, state }) => version === currentVersion && state === 'live');
  if (isLive && found.content.is !== 'readable') return undefined;
  const version = found.version ?? currentVersion;
  return currentVersion === undefined || version === currentVersion ? { ...found, version } : undefined;
}

function isSame(seen: Content, again: Content | undefined): boolean {
  if (again?.content.is !== seen.content.is) return false;
  if (seen.content.is !== 'readable' || again.content.is !== 'readable') return true;
  return seen.version === again.version && seen.content.fingerprint === again.content.fingerprint;
}

const contended = (): AppError =>
  new AppError({
    code: 'TARGET_CONTENDED',
    kind: 'conflict',
    message: 'The place keeps changing while it is looked at.',
    retryable: true,
  });
