import { Injectable } from '@nestjs/common';
import type {
  ChangeHandler,
  ChangeResult,
  ChangeReview,
  ChangeSubjectKeeper,
  ExecutingChange,
} from '@claviger/features/changes';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import type { RequestContext } from '@claviger/kernel';
import { isUniqueViolation } from '@claviger/platform/database';
import { ComplianceDirectory } from './compliance-directory.js';
import { ComplianceDue } from './compliance-due.js';
import { ComplianceProfileRepository, type ComplianceProfile } from './compliance-profile.repository.js';
import type { ComplianceSettings } from './compliance-profile.schema.js';
import { complianceProfileExists, complianceProfileNotFound, staleComplianceProfile } from './compliance.errors.js';

export type ComplianceProfileParameters = {
  /** What it is to say; absent when it is to be removed. */
  readonly settings?: ComplianceSettings;
  /** Absent when it is to be created. */
  readonly baseVersion?: number;
};

export const CREATE_COMPLIANCE_PROFILE = 'compliance-profile.create';
export const UPDATE_COMPLIANCE_PROFILE = 'compliance-profile.update';
export const REMOVE_COMPLIANCE_PROFILE = 'compliance-profile.remove';

type Change = ExecutingChange<ComplianceProfileParameters>;

/** Creates, changes and removes compliance profiles; whatever they judge is looked at again. */
@Injectable()
export class ComplianceProfileHandlers {
  readonly all: readonly ChangeHandler<ComplianceProfileParameters>[];

  constructor(
    private readonly profiles: ComplianceProfileRepository,
    private readonly directory: ComplianceDirectory,
    private readonly due: ComplianceDue,
  ) {
    this.all = [
      { kind: CREATE_COMPLIANCE_PROFILE, complete: (tx, change) => this.#create(tx, change) },
      { kind: UPDATE_COMPLIANCE_PROFILE, complete: (tx, change) => this.#update(tx, change) },
      { kind: REMOVE_COMPLIANCE_PROFILE, complete: (tx, change) => this.#remove(tx, change) },
    ];
  }

  async #create(tx: RequestContext, { subject, parameters, requestedBy }: Change): Promise<ChangeResult> {
    const settings = parameters.settings!;
    try {
      await this.profiles.insert(tx, subject, { ...settings, createdBy: requestedBy });
    } catch (error) {
      if (isUniqueViolation(error, 'uq_compliance_profile_name')) throw complianceProfileExists(subject.name);
      throw error;
    }
    this.directory.changed(tx);
    await this.due.markFor(tx, subject.id, [settings]);
    return { name: subject.name, version: 1 };
  }

  async #update(tx: RequestContext, change: Change): Promise<ChangeResult> {
    const profile = await this.#lock(tx, change);
    const settings = change.parameters.settings!;
    const version = profile.version + 1;
    await this.profiles.addVersion(tx, profile.id, version, { ...settings, createdBy: change.requestedBy });
    this.directory.changed(tx);
    await this.due.markFor(tx, profile.id, [profile, settings]);
    return { name: profile.name, version };
  }

  async #remove(tx: RequestContext, change: Change): Promise<ChangeResult> {
    const profile = await this.#lock(tx, change);
    await this.profiles.remove(tx, profile.id);
    this.directory.changed(tx);
    await this.due.markFor(tx, profile.id, []);
    return { name: profile.name };
  }

  async #lock(tx: RequestContext, { subject, parameters }: Change): Promise<ComplianceProfile> {
    const profile = await this.profiles.lock(tx, subject.name);
    if (profile?.id !== subject.id) throw complianceProfileNotFound();
    if (profile.version !== parameters.baseVersion) throw staleComplianceProfile(profile.version);
    return profile;
  }
}

/** What approvals of changes of compliance profiles are about: their version. */
@Injectable()
export class ComplianceProfileKeeper implements ChangeSubjectKeeper {
  readonly kind = 'compliance-profile';

  constructor(
    private readonly profiles: ComplianceProfileRepository,
    private readonly vaultProfiles: VaultProfileService,
  ) {}

  async bind(ctx: RequestContext, kind: string, { subject }: ExecutingChange): Promise<unknown> {
    const profile = await this.profiles.find(ctx, subject.name);
    if (kind === CREATE_COMPLIANCE_PROFILE) {
      if (profile) throw complianceProfileExists(subject.name);
      return { version: 0 };
    }
    if (profile?.id !== subject.id) throw complianceProfileNotFound();
    return { version: profile.version };
  }

  async review(ctx: RequestContext, _kind: string, { subject, parameters }: ExecutingChange): Promise<ChangeReview> {
    const { settings, baseVersion } = parameters as ComplianceProfileParameters;
    const before = baseVersion === undefined ? undefined : await this.profiles.find(ctx, subject.name, baseVersion);
    const [old, next] = [await this.#shown(ctx, before), await this.#shown(ctx, settings)];
    const names = ['description', 'rules', 'vaultProfiles', 'labelSelectors'] as const;
    const changed = names.filter((name) => JSON.stringify(old[name]) !== JSON.stringify(next[name]));
    return {
      type: null,
      settings: changed.map((name) => ({ name, before: old[name] ?? null, after: next[name] ?? null })),
      values: [],
      plan: [],
    };
  }

  async #shown(
    ctx: RequestContext,
    said: Partial<ComplianceSettings> | undefined,
  ): Promise<Partial<ComplianceSettings>> {
    if (!said?.vaultProfiles) return said ?? {};
    const names = await this.vaultProfiles.names(ctx);
    return { ...said, vaultProfiles: said.vaultProfiles.map((id) => names.get(id) ?? id) };
  }
}
