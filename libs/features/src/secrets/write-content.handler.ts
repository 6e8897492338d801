import { Injectable } from '@nestjs/common';
import { Outbox } from '@claviger/features/notifications';
import type { RequestContext } from '@claviger/kernel';
import type { ChangeHandler, ChangeResult, ExecutingChange } from '@claviger/features/changes';
import { isVaultError, type BackendVersion, type ReadResult } from '@claviger/vaults/contract';
import { SecretFingerprints } from './secret-fingerprints.js';
import { assertSourceAsJudged } from './secret-gating.js';
import type { SecretEntity } from './secret.entity.js';
import { changeStale, secretDisabled, secretNotActive, secretNotFound, staleMatch } from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';
import { findCurrent, SourceVault, type OpenSource } from './source-vault.js';
import { VersionRecorder } from './version-recorder.js';

export type WriteParameters = {
  readonly cause: 'put' | 'patch' | 'rotate' | 'restore' | 'overwrite-drift';
  readonly fingerprint: string;
  readonly facts: Record<string, unknown>;
  /** Set when the caller bound the write to a base: then content changed behind our back is never overwritten. */
  readonly isBound: boolean;
};

type Outcome = {
  readonly backendVersion: BackendVersion | undefined;
  /** Of content that was at the source, was not ours, and is overwritten now. */
  readonly lostFingerprint?: string;
  /** The object was gone, and all older versions with it; the vault may use their ids again. */
  readonly isRecreated?: boolean;
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
    private readonly events: Outbox,
  ) {}

  async begin(tx: RequestContext, change: ExecutingChange<WriteParameters>): Promise<void> {
    const secret = assertActive(await this.secrets.lock(tx, change.secretId!));
    assertSourceAsJudged(secret, change);
    if (secret.isDisabled) throw secretDisabled();
    if (change.baseVersion !== undefined && change.baseVersion !== secret.currentVersion)
      throw staleMatch(secret.currentVersion);
  }

  /** What waits is bound to what was there when it was asked for. */
  async hold(tx: RequestContext, change: ExecutingChange<WriteParameters>): Promise<ExecutingChange<WriteParameters>> {
    await this.begin(tx, change);
    const { currentVersion: baseVersion } = assertActive(await this.secrets.find(tx, change.secretId!));
    return { ...change, baseVersion, parameters: { ...change.parameters, isBound: true } };
  }

  async act(ctx: RequestContext, change: ExecutingChange<WriteParameters>): Promise<Outcome | undefined> {
    const secret = assertActive(await this.secrets.find(ctx, change.secretId!));
    const source = await this.vault.open(ctx, secret, secret.sourceProfileId, change.id);
    if (!source.isRemote) return undefined;
    return (await this.#findOwnEarlierWrite(ctx, source, secret, change)) ?? this.#write(ctx, source, secret, change);
  }

  async complete(
    tx: RequestContext,
    change: ExecutingChange<WriteParameters>,
    outcome: Outcome | undefined,
  ): Promise<ChangeResult> {
    // It may have been forgotten or deleted while its vault was being written.
    const secret = assertActive(await this.secrets.lock(tx, change.secretId!));
    const { parameters: p } = change;
    const written = outcome ?? (await this.#writeBuiltin(tx, secret, change));
    if (written.isRecreated) await this.secrets.markPruned(tx, secret);
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
      // What an earlier attempt sent may have arrived only now.
      const earlier = await this.#findOwnEarlierWrite(ctx, source, secret, change);
      if (earlier) return earlier;
      if (change.parameters.isBound) throw changeStale();
      const found = await findCurrent(source);
      if (found) lost = this.#lost(ctx, secret, change, found);
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
    const madeAnew = found ? undefined : await this.#makeAnew(ctx, source, secret, change);
    if (madeAnew) return madeAnew;
    const receipt = await source.adapter.put(source.call, source.name, change.payload!);
    if (isOurs || !found) return { backendVersion: receipt.version };
    return { backendVersion: receipt.version, lostFingerprint: this.#lost(ctx, secret, change, found) };
  }

  /**
   * Where the object is gone, or waits for its deletion, a write is a creation, so that it carries our marker. Undefined
   * where something is there, and where the vault holds no markers.
   */
  async #makeAnew(
    ctx: RequestContext,
    source: OpenSource,
    secret: SecretEntity,
    change: ExecutingChange<WriteParameters>,
  ): Promise<Outcome | undefined> {
    if (!source.capabilities.metadata || (await this.#currentVersion(source)) !== undefined) return undefined;
    try {
      const outcome = await this.#recreate(source, change, undefined);
      return { ...outcome, isRecreated: !(await this.#keepsHistory(ctx, source, secret)) };
    } catch (error) {
      // Something without a content is there, or somebody was faster.
      if (isVaultError(error, 'ALREADY_EXISTS')) return undefined;
      throw error;
    }
  }

  /** Whether what was brought back came with its versions. Not when that cannot be found out: the content is written. */
  async #keepsHistory(ctx: RequestContext, source: OpenSource, secret: SecretEntity): Promise<boolean> {
    try {
      const { versions } = await source.adapter.describe(source.call, source.name);
      const ids = versions.map(({ version }) => version);
      return await this.vault.keepsCurrent(ctx, source, secret, ids);
    } catch (error) {
      if (isVaultError(error)) return false;
      throw error;
    }
  }

  #lost(
    ctx: RequestContext,
    { type }: SecretEntity,
    { parameters }: ExecutingChange<WriteParameters>,
    { content }: ReadResult,
  ): string {
    return this.fingerprints.ofFound(ctx.storeId, type, content, parameters.fingerprint);
  }

  /** Undefined when the object is gone, or has metadata only. */
  async #currentVersion(source: OpenSource): Promise<BackendVersion | undefined> {
    try {
      return (await source.adapter.describe(source.call, source.name, 'current')).currentVersion;
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
    const { adapter, call, name, marker, reclaim } = source;
    const receipt = await adapter.create(call, name, change.payload!, marker, reclaim);
    return { backendVersion: receipt.version, isRecreated: true, ...(lost ? { lostFingerprint: lost } : {}) };
  }

  /** Looks among the versions after our base for the one that an earlier attempt wrote of which we had no answer. */
  async #findOwnEarlierWrite(
    ctx: RequestContext,
    source: OpenSource,
    secret: SecretEntity,
    change: ExecutingChange<WriteParameters>,
  ): Promise<Outcome | undefined> {
    if (!change.isResumed) return undefined;
    const { versions, isRecreated } = await this.#versionsAfterBase(ctx, source, secret);
    for (const version of versions) {
      const found = await findCurrent(source, version);
      if (found && this.fingerprints.matches(ctx.storeId, secret.type, found.content, change.parameters.fingerprint))
        return { backendVersion: found.version, isRecreated };
    }
    return undefined;
  }

  async #versionsAfterBase(
    ctx: RequestContext,
    source: OpenSource,
    secret: SecretEntity,
  ): Promise<{ readonly versions: readonly (BackendVersion | undefined)[]; readonly isRecreated: boolean }> {
    if (!source.capabilities.versionedReads) return { versions: [undefined], isRecreated: false };
    try {
      const { versions } = await source.adapter.describe(source.call, source.name);
      const ids = versions.map(({ version }) => version);
      const isRecreated = !(await this.vault.keepsCurrent(ctx, source, secret, ids));
      return { versions: isRecreated ? ids : ids.slice(ids.indexOf(secret.currentBackendVersion!) + 1), isRecreated };
    } catch (error) {
      if (isVaultError(error, 'NOT_FOUND')) return { versions: [], isRecreated: true };
      throw error;
    }
  }
}

function assertActive(secret: SecretEntity | null): SecretEntity {
  if (!secret || secret.state === 'deleted') throw secretNotFound();
  if (secret.state !== 'active') throw secretNotActive(secret.state);
  return secret;
}
