import { Injectable } from '@nestjs/common';
import type {
  ChangeHandler,
  ChangeResult,
  ChangeReview,
  ChangeSubjectKeeper,
  ExecutingChange,
} from '@claviger/features/changes';
import { Voters } from '@claviger/features/principals';
import type { RequestContext } from '@claviger/kernel';
import { ApprovalDirectory } from './approval-directory.js';
import { ApprovalProfileRepository, type ApprovalProfile } from './approval-profile.repository.js';
import type { ApprovalSettings } from './approval-profile.schema.js';
import { approvalProfileInUse, approvalProfileNotFound, staleApprovalProfile } from './approval.errors.js';
import { Decidability } from './decidability.js';
import { namedSteps } from './named-steps.js';

export type ApprovalProfileParameters = {
  /** What it is to say; absent when it is to be removed. */
  readonly settings?: ApprovalSettings;
  readonly baseVersion: number;
};

export const UPDATE_APPROVAL_PROFILE = 'approval-profile.update';
export const REMOVE_APPROVAL_PROFILE = 'approval-profile.remove';

type Change = ExecutingChange<ApprovalProfileParameters>;

/** Changes and removes approval profiles. */
@Injectable()
export class ApprovalProfileHandlers {
  readonly all: readonly ChangeHandler<ApprovalProfileParameters>[];

  constructor(
    private readonly profiles: ApprovalProfileRepository,
    private readonly directory: ApprovalDirectory,
    private readonly decidability: Decidability,
  ) {
    this.all = [
      { kind: UPDATE_APPROVAL_PROFILE, complete: (tx, change) => this.#update(tx, change) },
      { kind: REMOVE_APPROVAL_PROFILE, complete: (tx, change) => this.#remove(tx, change) },
    ];
  }

  async #update(tx: RequestContext, change: Change): Promise<ChangeResult> {
    const profile = await this.#lock(tx, change);
    const settings = change.parameters.settings!;
    // Voters may have left since it was asked for.
    await this.decidability.assert(tx, settings.steps);
    const version = profile.version + 1;
    await this.profiles.addVersion(tx, profile.id, version, { ...settings, createdBy: change.requestedBy });
    this.directory.changed(tx);
    return { name: profile.name, version };
  }

  async #remove(tx: RequestContext, change: Change): Promise<ChangeResult> {
    const profile = await this.#lock(tx, change);
    const uses = await this.profiles.listUses(tx, profile.name);
    if (uses.length > 0) throw approvalProfileInUse(profile.name, uses);
    await this.profiles.remove(tx, profile.id);
    this.directory.changed(tx);
    return { name: profile.name };
  }

  async #lock(tx: RequestContext, { subject, parameters }: Change): Promise<ApprovalProfile> {
    const profile = await this.profiles.lock(tx, subject.name);
    if (profile?.id !== subject.id) throw approvalProfileNotFound();
    if (profile.version !== parameters.baseVersion) throw staleApprovalProfile(profile.version);
    return profile;
  }
}

/** What approvals of changes of approval profiles are about: their version, which the gate binds anyway. */
@Injectable()
export class ApprovalProfileKeeper implements ChangeSubjectKeeper {
  readonly kind = 'approval-profile';

  constructor(
    private readonly profiles: ApprovalProfileRepository,
    private readonly voters: Voters,
  ) {}

  async bind(ctx: RequestContext, _kind: string, { subject }: ExecutingChange): Promise<unknown> {
    const profile = await this.profiles.find(ctx, subject.name);
    if (profile?.id !== subject.id) throw approvalProfileNotFound();
    return { version: profile.version, uses: await this.profiles.listUses(ctx, profile.name) };
  }

  async review(ctx: RequestContext, _kind: string, { subject, parameters }: ExecutingChange): Promise<ChangeReview> {
    const { settings, baseVersion } = parameters as ApprovalProfileParameters;
    const before = await this.profiles.find(ctx, subject.name, baseVersion);
    const [old, next] = [await this.#shown(ctx, before), await this.#shown(ctx, settings)];
    const names = ['description', 'kinds', 'condition', 'steps'] as const;
    const changed = names.filter((name) => JSON.stringify(old[name]) !== JSON.stringify(next[name]));
    return {
      type: null,
      settings: changed.map((name) => ({ name, before: old[name] ?? null, after: next[name] ?? null })),
      values: [],
      plan: [],
    };
  }

  async #shown(ctx: RequestContext, said: Partial<ApprovalSettings> | undefined): Promise<Record<string, unknown>> {
    if (!said) return {};
    return { ...said, ...(said.steps && { steps: await namedSteps(ctx, this.voters, said.steps) }) };
  }
}
