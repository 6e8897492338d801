import { Injectable } from '@nestjs/common';
import { AppError, type RequestContext, type SecretValue } from '@claviger/kernel';
import type { ReviewStep } from '@claviger/features/changes';
import {
  OwnershipMarker,
  TargetLedger,
  type ConflictPolicy,
  type SyncTargetEntity,
} from '@claviger/features/replication';
import { VaultProfileService, type NamedSecret, type VaultProfile } from '@claviger/features/vault-profiles';
import {
  isVaultError,
  parseContent,
  type VaultCapabilities,
  type JsonObject,
  type VaultContent,
} from '@claviger/vaults/contract';
import { validateContent, type SecretType } from './content/index.js';
import type { CreateParameters, PlannedPlace } from './create-secret.handler.js';
import { SecretAccess } from './secret-access.js';
import { assertFits, assertNameFits, physicalNameAt } from './secret-fit.policy.js';
import { SecretFingerprints } from './secret-fingerprints.js';
import type { SecretEntity } from './secret.entity.js';
import type { NewSecret } from './new-secret.js';
import { syncProfileIsSource, vaultProfileDisabled, vaultProfileUnknown } from './secret.errors.js';
import type { SecretVersionEntity } from './secret-version.entity.js';
import { findCurrent, SourceVault, type OpenSource } from './source-vault.js';
import type { VersionAct } from './version-state.handlers.js';

/** What a change would do at one vault. */
export type PlanStep = ReviewStep;

/** What planning asks of a secret that is to be created. */
type PlannedCreate = Pick<CreateParameters, 'name' | 'type' | 'source' | 'targets' | 'onConflict' | 'fingerprint'>;

/** Content that is of its type and fits where it is to go. */
export type PreparedContent = {
  readonly parsed: JsonObject;
  readonly content: VaultContent;
  readonly fingerprint: string;
  readonly facts: Record<string, unknown>;
};

/** What an act on a version is to it, and to the copies. */
const VERSION_STEPS: Readonly<Record<VersionAct, Pick<PlanStep, 'action'> & { version: string; copy: string }>> = {
  softDelete: { action: 'delete', version: 'hidden, and can be brought back', copy: 'hidden with it' },
  undelete: { action: 'update', version: 'brought back', copy: 'brought back with it' },
  destroy: { action: 'delete', version: 'erased for good', copy: 'hidden with it' },
};

/** What there is of the secret at a profile already. */
type Copy = Pick<SyncTargetEntity, 'physicalName'> | undefined;

/** Judges before anything is written what a change would do, and refuses what cannot work. */
@Injectable()
export class SecretPlanner {
  constructor(
    private readonly profiles: VaultProfileService,
    private readonly vault: SourceVault,
    private readonly access: SecretAccess,
    private readonly fingerprints: SecretFingerprints,
    private readonly ownership: OwnershipMarker,
    private readonly targets: TargetLedger,
  ) {}

  async prepareCreate(
    ctx: RequestContext,
    input: NewSecret,
    content: SecretValue<string>,
  ): Promise<{ parameters: CreateParameters; isLocal: boolean }> {
    const source = await this.#usableProfile(ctx, input.sourceProfile);
    const prepared = await this.prepareContent(ctx, input.type, content);
    const named = { name: input.name, type: input.type };
    const sourcePlace = place(source, named);
    await this.#assertFits(ctx, source, sourcePlace, prepared, true);
    const targets: PlannedPlace[] = [];
    for (const name of new Set(input.syncProfiles)) {
      const profile = await this.#usableTarget(ctx, source.id, name, input.name, input.onConflict);
      const target = place(profile, named);
      await this.#assertFits(ctx, profile, target, prepared, false);
      targets.push(target);
    }
    this.#authorizeConflictPolicy(ctx, source.name, input.name, input.onConflict);
    return {
      isLocal: targets.length === 0 && !(await this.profiles.isRemote(ctx, source.id)),
      parameters: {
        name: input.name,
        type: input.type,
        source: sourcePlace,
        targets,
        onConflict: input.onConflict,
        description: input.description ?? '',
        owner: input.owner ?? source.defaultOwner,
        labels: { ...source.defaultLabels, ...input.labels },
        expiresAt: input.expiresAt ?? null,
        rotationIntervalSeconds: input.rotationIntervalSeconds ?? null,
        fingerprint: prepared.fingerprint,
        facts: prepared.facts,
      },
    };
  }

  /** Checks content against its type. @throws AppError CONTENT_* */
  async prepareContent(ctx: RequestContext, type: SecretType, content: SecretValue<string>): Promise<PreparedContent> {
    const parsed = parseContent(content.reveal());
    const { facts } = await validateContent(type, parsed);
    return { parsed, content, facts, fingerprint: this.fingerprints.ofParsed(ctx.storeId, type, parsed) };
  }

  /** Whether content that was prepared is what a secret's fingerprint was made of, by whichever key. */
  isContentOf(ctx: RequestContext, type: SecretType, prepared: PreparedContent, fingerprint: string | null): boolean {
    return this.fingerprints.agrees(ctx.storeId, type, prepared, fingerprint);
  }

  /** Checks that new content of a secret fits its source and all its targets. */
  async assertFitsEverywhere(ctx: RequestContext, secret: SecretEntity, content: PreparedContent): Promise<void> {
    await this.assertFitsSource(ctx, secret, content);
    for (const target of await this.targets.list(ctx, secret.id)) {
      const profile = await this.profiles.get(ctx, target.profileId);
      await this.#assertFits(ctx, profile, located(profile, target.physicalName), content, false);
    }
  }

  /** Checks that new content fits the source; returns what the source can do. */
  async assertFitsSource(
    ctx: RequestContext,
    secret: Pick<SecretEntity, 'id' | 'sourceProfileId' | 'physicalName'>,
    content: PreparedContent,
  ): Promise<VaultCapabilities> {
    const profile = await this.profiles.get(ctx, secret.sourceProfileId);
    return this.#fit(ctx, profile, located(profile, secret.physicalName), content);
  }

  /** The place of an existing secret at one more profile. */
  async target(
    ctx: RequestContext,
    secret: SecretEntity,
    profileName: string,
    onConflict: ConflictPolicy,
  ): Promise<PlannedPlace> {
    const profile = await this.#usableTarget(ctx, secret.sourceProfileId, profileName, secret.name, onConflict);
    const target = place(profile, secret);
    await this.#tolerateUnreachable(false, async () => {
      const { capabilities } = await this.#open(ctx, secret.id, target);
      assertNameFits({ profile: profile.name, physicalName: target.physicalName, capabilities });
    });
    return target;
  }

  /**
   * The place that an existing secret would have at another source. The content has to fit there, and the vault to answer,
   * unless there is a copy already.
   */
  async newSource(
    ctx: RequestContext,
    secret: SecretEntity,
    profileName: string,
    { content, onConflict, copy }: { content: VaultContent | undefined; onConflict: ConflictPolicy; copy: Copy },
  ): Promise<PlannedPlace> {
    this.access.authorize(ctx, 'create', { profile: profileName, name: secret.name });
    const profile = await this.#usableProfile(ctx, profileName);
    this.#authorizeConflictPolicy(ctx, profile.name, secret.name, onConflict);
    if (copy) return located(profile, copy.physicalName);
    const there = place(profile, secret);
    if (content) await this.#fit(ctx, profile, there, await this.prepareContent(ctx, secret.type, content));
    return there;
  }

  planCreate(ctx: RequestContext, secretId: string, p: PlannedCreate): Promise<PlanStep[]> {
    const steps = [
      { place: p.source, role: 'source' as const },
      ...p.targets.map((target) => ({ place: target, role: 'target' as const })),
    ];
    return Promise.all(
      steps.map(({ place: at, role }) =>
        this.#step(at.profile, role, async () => {
          const vault = await this.#open(ctx, secretId, at);
          if (await this.#isEmpty(vault)) return { action: 'create', reason: 'Nothing is there yet.' };
          if (p.onConflict === 'overwrite')
            return { action: 'update', reason: 'What is there is not ours and is overwritten, as asked.' };
          if (p.onConflict === 'fail') return { action: 'conflict', reason: 'Something that is not ours is there.' };
          if (!(await this.access.mayCompare(ctx, { profile: at.profile, name: p.name }, at.profileId)))
            return { action: 'adopt', reason: 'What is there becomes ours if it is equal.' };
          const found = await findCurrent(vault);
          const isEqual = found && this.fingerprints.matches(ctx.storeId, p.type, found.content, p.fingerprint);
          if (isEqual) return { action: 'adopt', reason: 'What is there is equal and becomes ours.' };
          return { action: 'conflict', reason: 'What is there differs and is not adopted.' };
        }),
      ),
    );
  }

  /** What writing this content would do at the source and each target. */
  async planWrite(ctx: RequestContext, secret: SecretEntity, fingerprint: string): Promise<PlanStep[]> {
    return this.#planAll(ctx, secret, async (vault) => {
      // Whether content equals what is there is told only to who may read it there; anybody else could guess with it.
      const { id, name } = vault.profile;
      if (!(await this.access.mayCompare(ctx, { profile: name, name: secret.name }, id)))
        return { action: 'update', reason: 'The new version is written, whatever it holds.' };
      const found = await findCurrent(vault);
      if (!found) return { action: 'create', reason: 'Nothing readable is there.' };
      if (this.fingerprints.matches(ctx.storeId, secret.type, found.content, fingerprint))
        return { action: 'no-op', reason: 'It holds this content already.' };
      return { action: 'update', reason: 'It holds other content.' };
    });
  }

  async planRemove(ctx: RequestContext, secret: SecretEntity, retain: boolean): Promise<PlanStep[]> {
    return this.#planAll(ctx, secret, async (vault, target) => {
      if (retain) return { action: 'retain', reason: 'The vault is left as it is.' };
      if (await this.#isEmpty(vault)) return { action: 'no-op', reason: 'Nothing is there.' };
      const isOurs = target?.ownership !== 'none' && (await this.vault.isOurs(ctx, vault, secret));
      if (!isOurs) return { action: 'conflict', reason: 'What is there is not ours and is left alone.' };
      return { action: 'delete', reason: 'Removed with all its versions.' };
    });
  }

  /** What hiding, bringing back or erasing a version does where it is managed, and to the copies when it is the current one. */
  async planVersion(
    ctx: RequestContext,
    secret: SecretEntity,
    { number, profileId: managedAt }: Pick<SecretVersionEntity, 'number' | 'profileId'>,
    act: VersionAct,
  ): Promise<PlanStep[]> {
    const { action, version, copy } = VERSION_STEPS[act];
    const targets = number === secret.currentVersion ? await this.targets.list(ctx, secret.id) : [];
    const names = await this.profiles.names(ctx);
    const step = (profileId: string, role: PlanStep['role'], reason: string): PlanStep => ({
      profile: names.get(profileId) ?? profileId,
      role,
      action,
      reason,
    });
    return [
      step(managedAt, 'source', `Version ${number} is ${version}.`),
      ...targets.map(({ profileId }) => step(profileId, 'target', `The copy is ${copy}.`)),
    ];
  }

  /** What making a version of what somebody put at the source does there, and at each target. */
  async planAdoption(ctx: RequestContext, secret: SecretEntity): Promise<PlanStep[]> {
    const [targets, names] = [await this.targets.list(ctx, secret.id), await this.profiles.names(ctx)];
    const nameOf = (id: string): string => names.get(id) ?? id;
    return [
      {
        profile: nameOf(secret.sourceProfileId),
        role: 'source',
        action: 'adopt',
        reason: 'What somebody put there becomes the newest version.',
      },
      ...targets.map(({ profileId }) => ({
        profile: nameOf(profileId),
        role: 'target' as const,
        action: 'update' as const,
        reason: 'The newest version is written.',
      })),
    ];
  }

  async #planAll(
    ctx: RequestContext,
    secret: SecretEntity,
    judge: (vault: OpenSource, target?: SyncTargetEntity) => Promise<Pick<PlanStep, 'action' | 'reason'>>,
  ): Promise<PlanStep[]> {
    const source = await this.profiles.get(ctx, secret.sourceProfileId);
    const targets = await this.targets.list(ctx, secret.id);
    const steps = [
      { profile: source, physicalName: secret.physicalName, role: 'source' as const, target: undefined },
      ...(await Promise.all(
        targets.map(async (target) => ({
          profile: await this.profiles.get(ctx, target.profileId),
          physicalName: target.physicalName,
          role: 'target' as const,
          target,
        })),
      )),
    ];
    return Promise.all(
      steps.map(({ profile, physicalName, role, target }) =>
        this.#step(profile.name, role, async () =>
          judge(await this.#open(ctx, secret.id, located(profile, physicalName)), target),
        ),
      ),
    );
  }

  async #step(
    profile: string,
    role: PlanStep['role'],
    judge: () => Promise<Pick<PlanStep, 'action' | 'reason'>>,
  ): Promise<PlanStep> {
    try {
      return { profile, role, ...(await judge()) };
    } catch (error) {
      if (error instanceof AppError) return { profile, role, action: 'blocked', reason: error.message };
      throw error;
    }
  }

  async #isEmpty(vault: OpenSource): Promise<boolean> {
    try {
      const { currentVersion } = await vault.adapter.describe(vault.call, vault.name, 'current');
      return currentVersion === undefined && vault.capabilities.versionedReads;
    } catch (error) {
      if (isVaultError(error, 'NOT_FOUND')) return true;
      throw error;
    }
  }

  async #usableProfile(ctx: RequestContext, name: string): Promise<VaultProfile> {
    const profile = await this.profiles.find(ctx, name);
    // By its name only: that is what was judged.
    if (profile?.name !== name) throw vaultProfileUnknown(name);
    if (!profile.isEnabled) throw vaultProfileDisabled(profile.name);
    return profile;
  }

  async #usableTarget(
    ctx: RequestContext,
    sourceProfileId: string,
    profileName: string,
    name: string,
    onConflict: ConflictPolicy,
  ): Promise<VaultProfile> {
    this.access.authorize(ctx, 'replicateTo', { profile: profileName, name });
    const profile = await this.#usableProfile(ctx, profileName);
    if (profile.id === sourceProfileId) throw syncProfileIsSource(profile.name);
    this.#authorizeConflictPolicy(ctx, profile.name, name, onConflict);
    return profile;
  }

  #authorizeConflictPolicy(ctx: RequestContext, profile: string, name: string, onConflict: ConflictPolicy): void {
    if (onConflict === 'adopt-if-equal') this.access.authorize(ctx, 'adopt', { profile, name });
    if (onConflict === 'overwrite') this.access.authorize(ctx, 'overwrite', { profile, name });
  }

  async #assertFits(
    ctx: RequestContext,
    profile: VaultProfile,
    at: PlannedPlace,
    content: PreparedContent,
    mustReach: boolean,
  ): Promise<void> {
    await this.#tolerateUnreachable(mustReach, async () => {
      await this.#fit(ctx, profile, at, content);
    });
  }

  async #fit(
    ctx: RequestContext,
    profile: VaultProfile,
    at: PlannedPlace,
    content: PreparedContent,
  ): Promise<VaultCapabilities> {
    const { capabilities } = await this.#open(ctx, at.profileId, at);
    const { maxContentBytes } = profile.limits;
    const destination = {
      profile: profile.name,
      physicalName: at.physicalName,
      capabilities,
      ...(maxContentBytes === undefined ? {} : { maxContentBytes }),
    };
    assertFits(destination, { text: content.content.reveal(), parsed: content.parsed });
    return capabilities;
  }

  /** A target that does not answer now does not stop the request; the reconciler reports what it cannot write. */
  async #tolerateUnreachable(mustReach: boolean, ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      if (mustReach || !isVaultError(error)) throw error;
    }
  }

  #open(ctx: RequestContext, secretId: string, at: PlannedPlace): Promise<OpenSource> {
    return this.vault.open(ctx, { id: secretId, sourceProfileId: at.profileId, physicalName: at.physicalName });
  }
}

/** @throws AppError NAME_INVALID, NAME_UNFIT */
function place(profile: VaultProfile, named: NamedSecret): PlannedPlace {
  return located(profile, physicalNameAt(profile, named));
}

function located(profile: VaultProfile, physicalName: string): PlannedPlace {
  return { profileId: profile.id, profile: profile.name, physicalName };
}
