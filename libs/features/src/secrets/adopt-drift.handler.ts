import { Injectable } from '@nestjs/common';
import { Outbox } from '@claviger/features/notifications';
import type { RequestContext } from '@claviger/kernel';
import type { ChangeHandler, ChangeResult, ExecutingChange } from '@claviger/features/changes';
import type { BackendVersion } from '@claviger/vaults/contract';
import { lockForEdit } from './edit-secret.handlers.js';
import { FoundDrift } from './found-drift.js';
import { SecretFingerprints } from './secret-fingerprints.js';
import type { SecretEntity } from './secret.entity.js';
import { changeStale, noDrift, nothingToAdopt } from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';
import { SourceVault, type OpenSource } from './source-vault.js';
import { VersionRecorder } from './version-recorder.js';

export const ADOPT_DRIFT = 'secret.drift.adopt';

/** What was found when somebody asked for it to be adopted: nothing else is. */
export type AdoptParameters = {
  readonly fingerprint: string;
  readonly facts: Record<string, unknown>;
};

type Outcome = {
  readonly fingerprint: string;
  readonly facts: Record<string, unknown>;
  readonly backendVersion: BackendVersion | undefined;
  /** The object was replaced by another one, and all older versions went with it. */
  readonly isReplaced: boolean;
};

/** Makes content that somebody put at the source behind our back a version of the secret, after all. */
@Injectable()
export class AdoptDriftHandler implements ChangeHandler<AdoptParameters, Outcome> {
  readonly kind = ADOPT_DRIFT;

  constructor(
    private readonly secrets: SecretRepository,
    private readonly vault: SourceVault,
    private readonly drift: FoundDrift,
    private readonly fingerprints: SecretFingerprints,
    private readonly recorder: VersionRecorder,
    private readonly events: Outbox,
  ) {}

  async begin(tx: RequestContext, change: ExecutingChange<AdoptParameters>): Promise<void> {
    const secret = await lockForEdit(this.secrets, tx, change, undefined);
    if (!secret.drift) throw noDrift();
    if (secret.drift.kind !== 'content') throw nothingToAdopt();
  }

  async act(ctx: RequestContext, change: ExecutingChange<AdoptParameters>): Promise<Outcome> {
    const secret = (await this.secrets.find(ctx, change.secretId!))!;
    const source = await this.vault.open(ctx, secret, secret.sourceProfileId, change.id);
    const { found, fingerprint, facts } = await this.drift.read(ctx, secret, source);
    // It was judged, and approved, by what was there when it was asked for.
    const judged = change.parameters.fingerprint;
    if (!this.fingerprints.matches(ctx.storeId, secret.type, found.content, judged)) throw changeStale();
    return {
      fingerprint,
      facts,
      backendVersion: found.version,
      isReplaced: await this.#isReplaced(ctx, source, secret),
    };
  }

  async complete(
    tx: RequestContext,
    change: ExecutingChange<AdoptParameters>,
    { isReplaced: areOldGone, ...found }: Outcome,
  ): Promise<ChangeResult> {
    const secret = await lockForEdit(this.secrets, tx, change, undefined);
    if (areOldGone) await this.secrets.markPruned(tx, secret);
    const version = await this.recorder.record(tx, secret, change, { ...found, origin: 'adopted' });
    await this.events.add(tx, 'secret.drift-resolved', secret.id, { version, how: 'adopted' });
    return { secretId: secret.id, version };
  }

  async #isReplaced(ctx: RequestContext, source: OpenSource, secret: SecretEntity): Promise<boolean> {
    if (!source.capabilities.versionedReads) return false;
    const { versions } = await source.adapter.describe(source.call, source.name);
    const ids = versions.map(({ version }) => version);
    return !(await this.vault.keepsCurrent(ctx, source, secret, ids));
  }
}
