import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import type { ChangeHandler, ChangeResult, ExecutingChange } from '@claviger/features/changes';
import { isVaultError, type BackendVersion } from '@claviger/vaults/contract';
import { SecretEvents } from './secret-events.js';
import { SecretFingerprints } from './secret-fingerprints.js';
import type { SecretEntity } from './secret.entity.js';
import { changeStale, secretNotActive, secretNotFound, staleMatch } from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';
import { findCurrent, SourceVault, type OpenSource } from './source-vault.js';
import { VersionRecorder } from './version-recorder.js';

export type WriteParameters = {
  readonly cause: 'put' | 'rotate' | 'restore' | 'overwrite-drift';
  readonly fingerprint: string;
  readonly facts: Record<string, unknown>;
  /** Set when the caller bound the write to a base: then content changed behind our back is never overwritten. */
  readonly isBound: boolean;
};

type Outcome = {
  readonly backendVersion: BackendVersion | undefined;
  /** Of content that was at the source, was not ours, and is overwritten now. */
  readonly lostFingerprint?: string;
};

export const WRITE_CONTENT = 'secret.content';
const CONFLICT_ATTEMPTS = 5;

/** Writes a new version of a secret's content at its source. */
@Injectable()
export class WriteContentHandler implements ChangeHandler<WriteParameters, Outcome | undefined> {
  readonly kind = WRITE_CONTENT;

  constructor(
    private readonly secrets: SecretRepository,
    private readonly vault: SourceVault,
    private readonly fingerprints: SecretFingerprints,
    private readonly recorder: VersionRecorder,
    private readonly events: SecretEvents,
  ) {}

  async begin(tx: RequestContext, change: ExecutingChange<WriteParameters>): Promise<void> {
    const secret = await this.secrets.lock(tx, change.secretId!);
    if (!secret || secret.state === 'deleted') throw secretNotFound();
    if (secret.state !== 'active') throw secretNotActive(secret.state);
    if (change.baseVersion !== undefined && change.baseVersion !== secret.currentVersion)
      throw staleMatch(secret.currentVersion);
  }

  async act(ctx: RequestContext, change: ExecutingChange<WriteParameters>): Promise<Outcome | undefined> {
    const secret = (await this.secrets.find(ctx, change.secretId!))!;
    const source = await this.vault.open(ctx, secret, secret.sourceProfileId, change.id);
    if (!source.isRemote) return undefined;
    const earlier = change.attempt > 1 ? await this.#findOwnEarlierWrite(ctx, source, secret, change) : undefined;
    return earlier ?? this.#write(ctx, source, secret, change);
  }

  async complete(
    tx: RequestContext,
    change: ExecutingChange<WriteParameters>,
    outcome: Outcome | undefined,
  ): Promise<ChangeResult> {
    const secret = await this.secrets.lock(tx, change.secretId!);
    // Forgotten or deleted while its vault was being written.
    if (!secret || secret.state === 'deleted') throw secretNotFound();
    if (secret.state !== 'active') throw secretNotActive(secret.state);
    const { parameters: p } = change;
    const written = outcome ?? (await this.#writeBuiltin(tx, secret, change));
    const version = await this.recorder.record(tx, secret, change, {
      fingerprint: p.fingerprint,
      facts: p.facts,
      backendVersion: written.backendVersion,
      origin: 'written',
    });
    await this.events.add(tx, 'secret.updated', secret.id, { version, cause: p.cause });
    return {
      secretId: secret.id,
      version,
      ...(written.lostFingerprint
        ? { overwroteForeign: this.fingerprints.display(tx.storeId, secret.id, written.lostFingerprint) }
        : {}),
    };
  }

  async #writeBuiltin(
    tx: RequestContext,
    secret: SecretEntity,
    change: ExecutingChange<WriteParameters>,
  ): Promise<Outcome> {
    const source = await this.vault.open(tx, secret, secret.sourceProfileId, change.id);
    const receipt = await source.adapter.put(source.call, source.name, change.payload!);
    return { backendVersion: receipt.version };
  }

  async #write(
    ctx: RequestContext,
    source: OpenSource,
    secret: SecretEntity,
    change: ExecutingChange<WriteParameters>,
  ): Promise<Outcome> {
    if (!source.capabilities.compareAndSet) return this.#writeUnconditionally(ctx, source, secret, change);
    let expected = secret.currentBackendVersion!;
    let lost: string | undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const receipt = await source.adapter.put(source.call, source.name, change.payload!, {
          expectedVersion: expected,
        });
        return { backendVersion: receipt.version, ...(lost ? { lostFingerprint: lost } : {}) };
      } catch (error) {
        if (!isVaultError(error, 'VERSION_CONFLICT') || attempt === CONFLICT_ATTEMPTS) throw error;
      }
      if (change.parameters.isBound) throw changeStale();
      const found = await findCurrent(source);
      lost = found
        ? this.fingerprints.of(ctx.storeId, secret.type, found.content, change.parameters.fingerprint)
        : lost;
      const current = await this.#currentVersion(source);
      if (current === undefined) return this.#recreate(source, change, lost);
      expected = current;
    }
  }

  async #writeUnconditionally(
    ctx: RequestContext,
    source: OpenSource,
    secret: SecretEntity,
    change: ExecutingChange<WriteParameters>,
  ): Promise<Outcome> {
    const found = await findCurrent(source);
    const isOurs =
      found !== undefined &&
      this.fingerprints.matches(ctx.storeId, secret.type, found.content, secret.currentFingerprint!);
    if (!isOurs && change.parameters.isBound) throw changeStale();
    const receipt = await source.adapter.put(source.call, source.name, change.payload!);
    if (isOurs || !found) return { backendVersion: receipt.version };
    const lostFingerprint = this.fingerprints.of(
      ctx.storeId,
      secret.type,
      found.content,
      change.parameters.fingerprint,
    );
    return { backendVersion: receipt.version, lostFingerprint };
  }

  /** Undefined when the object is gone, or has metadata only. */
  async #currentVersion(source: OpenSource): Promise<BackendVersion | undefined> {
    try {
      return (await source.adapter.describe(source.call, source.name)).currentVersion;
    } catch (error) {
      if (isVaultError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  async #recreate(
    source: OpenSource,
    change: ExecutingChange<WriteParameters>,
    lost: string | undefined,
  ): Promise<Outcome> {
    const receipt = await source.adapter.create(source.call, source.name, change.payload!, source.marker);
    return { backendVersion: receipt.version, ...(lost ? { lostFingerprint: lost } : {}) };
  }

  /** Looks among the versions after our base for the one that an interrupted attempt wrote. */
  async #findOwnEarlierWrite(
    ctx: RequestContext,
    source: OpenSource,
    secret: SecretEntity,
    change: ExecutingChange<WriteParameters>,
  ): Promise<Outcome | undefined> {
    for (const version of await this.#versionsAfterBase(source, secret)) {
      const found = await findCurrent(source, version);
      if (found && this.fingerprints.matches(ctx.storeId, secret.type, found.content, change.parameters.fingerprint))
        return { backendVersion: found.version };
    }
    return undefined;
  }

  async #versionsAfterBase(source: OpenSource, secret: SecretEntity): Promise<readonly (BackendVersion | undefined)[]> {
    if (!source.capabilities.versionedReads) return [undefined];
    try {
      const { versions } = await source.adapter.describe(source.call, source.name);
      const base = versions.findIndex(({ version }) => version === secret.currentBackendVersion);
      return versions.slice(base + 1).map(({ version }) => version);
    } catch (error) {
      if (isVaultError(error, 'NOT_FOUND')) return [];
      throw error;
    }
  }
}
