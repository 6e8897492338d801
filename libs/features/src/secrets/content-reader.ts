import { Inject, Injectable } from '@nestjs/common';
import { Outbox } from '@claviger/features/notifications';
import { CLOCK, isAppError, type AppError, type Clock, type RequestContext } from '@claviger/kernel';
import { ChangeService, secretBusy } from '@claviger/features/changes';
import { Database } from '@claviger/platform/database';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import { isVaultError, type BackendVersion, type ReadResult, type VaultContent } from '@claviger/vaults/contract';
import { FingerprintRenewal } from './fingerprint-renewal.js';
import { SecretFingerprints } from './secret-fingerprints.js';
import type { SecretEntity, SourceDrift } from './secret.entity.js';
import {
  secretNotFound,
  sourceDrifted,
  vaultProfileDisabled,
  versionNotFound,
  versionUnavailable,
  type UnavailableReason,
} from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';
import type { SecretVersionEntity } from './secret-version.entity.js';
import { findCurrent, SourceVault, type OpenSource } from './source-vault.js';

/** Content that was read and is what the version recorded. */
export type VerifiedContent = {
  readonly content: VaultContent;
  readonly number: number;
  readonly fingerprint: string;
};

const BUSY_ATTEMPTS = 20;
const BUSY_PAUSE_MS = 50;

/** Reads content where it is managed and tells when it is not what Claviger put there. */
@Injectable()
export class ContentReader {
  constructor(
    private readonly database: Database,
    private readonly secrets: SecretRepository,
    private readonly changes: ChangeService,
    private readonly profiles: VaultProfileService,
    private readonly vault: SourceVault,
    private readonly fingerprints: SecretFingerprints,
    private readonly renewal: FingerprintRenewal,
    private readonly events: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * The current version's content. Anything else at the source is recorded as drift and never returned in its place.
   * @throws AppError SOURCE_DRIFTED where the vault keeps no old versions, VERSION_UNAVAILABLE; VaultError of the source
   */
  async readCurrent(ctx: RequestContext, secret: SecretEntity): Promise<VerifiedContent> {
    const source = await this.vault.open(ctx, secret);
    const found = await findCurrent(source);
    if (found && this.#isCurrent(ctx, secret, found)) return verified(secret, found);
    if (!found) await this.#refuseIfDeletedByUs(ctx, secret);
    if (await this.changes.isBusy(ctx, secret.id)) {
      // A write of ours may have reached the vault and not yet the row; until it has, the version before it counts.
      const recorded = await this.#findRecorded(ctx, secret, source);
      if (recorded) return recorded;
    }
    const now = await this.#whenSettled(ctx, secret);
    if (!isSameSource(now, secret)) return this.readCurrent(ctx, now);
    await this.#recordDrift(ctx, now, source, found);
    return this.#readRecorded(ctx, now, source, found === undefined);
  }

  /** The content of an old version, from the vault that managed it. @throws AppError VERSION_UNAVAILABLE (410) */
  async readVersion(ctx: RequestContext, secret: SecretEntity, number: number): Promise<VerifiedContent> {
    const version = await this.secrets.findVersion(ctx, secret.id, number);
    if (!version) throw versionNotFound();
    if (version.destroyedAt) throw versionUnavailable(number, 'destroyed');
    if (number === secret.currentVersion && !version.prunedAt && !version.deletedAt)
      return this.readCurrent(ctx, secret);
    try {
      return await this.#readOld(ctx, secret, version);
    } catch (error) {
      if (version.revision === 1 || version.deletedAt || !isAppError(error, 'VERSION_UNAVAILABLE')) throw error;
      return this.#readEarlier(ctx, secret, version, error);
    }
  }

  /** The same content where it was managed before its secret came to where it could not be read. @throws `refusal` */
  async #readEarlier(
    ctx: RequestContext,
    secret: SecretEntity,
    version: SecretVersionEntity,
    refusal: AppError,
  ): Promise<VerifiedContent> {
    for (const earlier of await this.secrets.listEarlier(ctx, version)) {
      const found = await this.#readOld(ctx, secret, earlier).catch((error: unknown) => {
        if (isAppError(error)) return undefined;
        throw error;
      });
      if (found) return found;
    }
    throw refusal;
  }

  async #readOld(ctx: RequestContext, secret: SecretEntity, version: SecretVersionEntity): Promise<VerifiedContent> {
    const { number, fingerprint, backendVersion } = version;
    if (version.prunedAt) throw versionUnavailable(number, 'pruned');
    if (version.deletedAt) throw versionUnavailable(number, 'deleted');
    if (backendVersion === null) throw versionUnavailable(number, 'unversioned');
    await this.#assertReadable(ctx, secret, version);
    const source = await this.vault.openVersion(ctx, secret, version);
    try {
      const found = await source.adapter.read(source.call, source.name, backendVersion);
      if (!this.fingerprints.matches(ctx.storeId, secret.type, found.content, fingerprint))
        throw versionUnavailable(number, 'missing');
      return { content: found.content, number, fingerprint };
    } catch (error) {
      if (isVaultError(error, 'VERSION_NOT_FOUND'))
        await this.secrets.markVersionPruned(ctx, version, this.clock.now());
      throw unavailable(error, number) ?? error;
    }
  }

  /** A profile that is the source no more may be disabled, or removed; whoever reads was told about the source's own. */
  async #assertReadable(
    ctx: RequestContext,
    { sourceProfileId }: SecretEntity,
    { number, profileId }: SecretVersionEntity,
  ): Promise<void> {
    if (profileId === sourceProfileId) return;
    const profile = await this.profiles.find(ctx, profileId);
    if (!profile) throw versionUnavailable(number, 'vault_removed');
    if (!profile.isEnabled) throw vaultProfileDisabled(profile.name);
  }

  /**
   * Ids of the versions that the source keeps, where asking costs no call over the network; else undefined: what was found
   * gone stands in the rows.
   */
  async findKept(ctx: RequestContext, secret: SecretEntity): Promise<ReadonlySet<BackendVersion> | undefined> {
    // The history of a deleted secret outlives its profile, and says itself what has become of each version.
    if (secret.state === 'deleted' || (await this.profiles.isRemote(ctx, secret.sourceProfileId))) return undefined;
    const source = await this.vault.open(ctx, secret);
    try {
      const { versions } = await source.adapter.describe(source.call, source.name);
      return new Set(versions.map(({ version }) => version));
    } catch (error) {
      if (isVaultError(error, 'NOT_FOUND')) return new Set();
      throw error;
    }
  }

  /** What somebody put at the source, if it is what is recorded as drift. */
  async findDrifted(ctx: RequestContext, secret: SecretEntity): Promise<VaultContent | undefined> {
    const shown = secret.drift?.fingerprint;
    const found = shown && (await findCurrent(await this.vault.open(ctx, secret)));
    return found && this.fingerprints.matches(ctx.storeId, secret.type, found.content, shown)
      ? found.content
      : undefined;
  }

  /** Compares the source with what is recorded and records drift. Returns whether it is as it should be. */
  async verify(ctx: RequestContext, secret: SecretEntity): Promise<boolean> {
    const source = await this.vault.open(ctx, secret);
    const found = await findCurrent(source);
    const isRight = found !== undefined && this.#isCurrent(ctx, secret, found);
    const now = await this.secrets.find(ctx, secret.id);
    if (!now || (await this.changes.isBusy(ctx, secret.id)) || !isSameSource(now, secret)) return true;
    if (isRight) {
      await this.#recordRight(ctx, now, found.content);
      return true;
    }
    if (!found && (await this.#isDeletedByUs(ctx, secret))) return true;
    await this.#recordDrift(ctx, now, source, found);
    return false;
  }

  #isCurrent(ctx: RequestContext, secret: SecretEntity, found: ReadResult): boolean {
    if (found.version !== undefined && found.version !== secret.currentBackendVersion) return false;
    return this.fingerprints.matches(ctx.storeId, secret.type, found.content, secret.currentFingerprint!);
  }

  /** The row once no change of the secret is under way. @throws AppError SECRET_BUSY after a while */
  async #whenSettled(ctx: RequestContext, secret: SecretEntity): Promise<SecretEntity> {
    for (let attempt = 1; await this.changes.isBusy(ctx, secret.id); attempt += 1) {
      if (attempt === BUSY_ATTEMPTS) throw secretBusy();
      await this.clock.sleep(BUSY_PAUSE_MS, ctx.signal);
    }
    const now = await this.secrets.find(ctx, secret.id);
    if (!now || now.state !== 'active') throw secretNotFound();
    return now;
  }

  async #isDeletedByUs(ctx: RequestContext, secret: SecretEntity): Promise<boolean> {
    const version = await this.secrets.findVersion(ctx, secret.id, secret.currentVersion);
    return Boolean(version?.deletedAt ?? version?.destroyedAt);
  }

  async #refuseIfDeletedByUs(ctx: RequestContext, secret: SecretEntity): Promise<void> {
    const version = await this.secrets.findVersion(ctx, secret.id, secret.currentVersion);
    if (version?.destroyedAt) throw versionUnavailable(version.number, 'destroyed');
    if (version?.deletedAt) throw versionUnavailable(version.number, 'deleted');
  }

  /** The source holds what it should; a drift that was recorded has ended by itself. */
  async #recordRight(ctx: RequestContext, secret: SecretEntity, content: VaultContent): Promise<void> {
    const { id, currentVersion: version } = secret;
    await this.database.transaction(ctx, async (tx) => {
      const locked = await this.secrets.lock(tx, id);
      if (locked?.state !== 'active' || !isSameSource(locked, secret)) return;
      await this.secrets.update(tx, id, { verifiedAt: this.clock.now(), drift: null });
      if (locked.drift) await this.events.add(tx, 'secret.drift-resolved', id, { version, how: 'healed' });
      await this.renewal.renewFrom(tx, secret, content);
    });
  }

  async #recordDrift(
    ctx: RequestContext,
    secret: SecretEntity,
    source: OpenSource,
    found: ReadResult | undefined,
  ): Promise<void> {
    const drift = await this.#describeDrift(ctx, secret, source, found);
    await this.database.transaction(ctx, async (tx) => {
      const locked = await this.secrets.lock(tx, secret.id);
      if (locked?.state !== 'active' || !isSameSource(locked, secret)) return;
      if (locked.drift && isSameDrift(locked.drift, drift)) return;
      await this.secrets.update(tx, secret.id, { drift });
      await this.events.add(tx, 'secret.drifted', secret.id, { kind: drift.kind });
    });
  }

  async #describeDrift(
    ctx: RequestContext,
    secret: SecretEntity,
    source: OpenSource,
    found: ReadResult | undefined,
  ): Promise<SourceDrift> {
    const detectedAt = this.clock.now().toISOString();
    if (found) {
      // Under the key of what is recorded, so that a drift which is still the same is seen to be that.
      const like = secret.drift?.fingerprint ?? secret.currentFingerprint!;
      const fingerprint = this.fingerprints.ofFound(ctx.storeId, secret.type, found.content, like);
      return { detectedAt, kind: 'content', fingerprint, ...(found.version ? { backendVersion: found.version } : {}) };
    }
    try {
      await source.adapter.describe(source.call, source.name);
      return { detectedAt, kind: 'hidden' };
    } catch (error) {
      // Only that nothing readable is there is known when the vault does not say more.
      if (isVaultError(error, 'NOT_FOUND', 'PERMISSION_DENIED')) return { detectedAt, kind: 'missing' };
      throw error;
    }
  }

  async #readRecorded(
    ctx: RequestContext,
    secret: SecretEntity,
    source: OpenSource,
    isGone: boolean,
  ): Promise<VerifiedContent> {
    const recorded = await this.#findRecorded(ctx, secret, source);
    if (recorded) return recorded;
    const number = secret.currentVersion;
    throw isGone ? versionUnavailable(number, 'missing') : sourceDrifted(number);
  }

  /** The recorded version beside a newer one, where the vault keeps old versions. */
  async #findRecorded(
    ctx: RequestContext,
    secret: SecretEntity,
    source: OpenSource,
  ): Promise<VerifiedContent | undefined> {
    if (secret.currentBackendVersion === null || !source.capabilities.versionedReads) return undefined;
    const found = await findCurrent(source, secret.currentBackendVersion);
    return found && this.#isCurrent(ctx, secret, found) ? verified(secret, found) : undefined;
  }
}

/** The current version is the same, and is managed where it was. */
function isSameSource(a: SecretEntity, b: SecretEntity): boolean {
  const isVersion = a.currentVersion === b.currentVersion && a.currentBackendVersion === b.currentBackendVersion;
  return isVersion && a.sourceProfileId === b.sourceProfileId;
}

function isSameDrift(a: SourceDrift, b: SourceDrift): boolean {
  return a.kind === b.kind && a.backendVersion === b.backendVersion && a.fingerprint === b.fingerprint;
}

function verified(secret: SecretEntity, found: ReadResult): VerifiedContent {
  return { content: found.content, number: secret.currentVersion, fingerprint: secret.currentFingerprint! };
}

function unavailable(error: unknown, number: number): Error | undefined {
  if (isVaultError(error, 'NOT_FOUND')) return versionUnavailable(number, 'missing');
  if (isVaultError(error, 'VERSION_NOT_FOUND')) return versionUnavailable(number, 'pruned');
  if (!isVaultError(error, 'VERSION_UNAVAILABLE')) return undefined;
  const state = error.details?.['state'];
  const reason: UnavailableReason = state === 'destroyed' ? 'destroyed' : 'deleted';
  return versionUnavailable(number, reason);
}
