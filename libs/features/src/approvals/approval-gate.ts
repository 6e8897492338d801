import { Injectable } from '@nestjs/common';
import { TokenService } from '@claviger/features/access';
import {
  changeErrors,
  type ChangeGate,
  type ChangeState,
  type ExecutingChange,
  type Gated,
  type GateBinding,
  type GatedFacts,
  type GatedKind,
} from '@claviger/features/changes';
import { Outbox } from '@claviger/features/notifications';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import { compileCondition } from '@claviger/features/rules';
import type { RequestContext } from '@claviger/kernel';
import { ApprovalDirectory } from './approval-directory.js';
import { ApprovalProfileRepository, type ApprovalProfile } from './approval-profile.repository.js';
import { ApprovalRepository } from './approval.repository.js';
import type { BoundStep } from './approval.entity.js';
import { gateBroken } from './approval.errors.js';
import { Electorate, principalIdOf } from './electorate.js';
import { missingVotes } from './quorum.policy.js';

/** Says which changes wait, and judges those who decided once more before one is executed. */
@Injectable()
export class ApprovalGate implements ChangeGate {
  constructor(
    private readonly directory: ApprovalDirectory,
    private readonly profiles: ApprovalProfileRepository,
    private readonly approvals: ApprovalRepository,
    private readonly vaultProfiles: VaultProfileService,
    private readonly electorate: Electorate,
    private readonly tokens: TokenService,
    private readonly outbox: Outbox,
  ) {}

  async couldHold(ctx: RequestContext, vaultProfileId: string, kind: GatedKind): Promise<boolean> {
    const vaultProfile = await this.vaultProfiles.find(ctx, vaultProfileId);
    if (!vaultProfile?.approvalProfile) return false;
    const profile = await this.directory.find(ctx, vaultProfile.approvalProfile);
    return profile?.kinds.includes(kind) ?? true;
  }

  async findProfile(tx: RequestContext, name: string): Promise<string | undefined> {
    return (await this.profiles.lock(tx, name))?.name;
  }

  async bind(ctx: RequestContext, change: Gated): Promise<GateBinding | undefined> {
    const { gatedAs } = change;
    const found = new Map<string, ApprovalProfile>();
    const vaultProfiles: GateBinding['vaultProfiles'][number][] = [];
    for (const { vaultProfile: id, kinds } of gatedAs.at) {
      const { revision, instanceRevision, approvalProfile } = await this.vaultProfiles.getNow(ctx, id);
      vaultProfiles.push({ id, revision, instanceRevision });
      const profile = approvalProfile === null ? undefined : await this.#require(ctx, approvalProfile);
      if (profile && hasASay(profile, kinds, change)) found.set(profile.name, profile);
    }
    for (const name of gatedAs.approvalProfiles ?? []) found.set(name, await this.#require(ctx, name));
    if (found.size === 0) return undefined;
    const approvalProfiles = [...found.values()].map(({ id, name, version }) => ({ id, name, version }));
    return { approvalProfiles, vaultProfiles };
  }

  async open(tx: RequestContext, change: ExecutingChange, binding: GateBinding): Promise<void> {
    const steps: BoundStep[] = [];
    for (const { name } of binding.approvalProfiles) {
      const { steps: asked } = await this.#require(tx, name);
      steps.push(...asked.map((step) => ({ ...step, profile: name })));
    }
    await this.approvals.insert(tx, {
      id: change.id,
      profiles: binding.approvalProfiles,
      sponsorId: (await this.tokens.findSponsor(tx)) ?? null,
      vaultProfiles: binding.vaultProfiles.map(({ id }) => id),
      steps,
    });
    await this.outbox.add(tx, 'approval.requested', change.id, { step: 1, subject: change.subject.name });
  }

  async admit(tx: RequestContext, changeId: string): Promise<void> {
    const approval = (await this.approvals.find(tx, changeId))!;
    if (!(await this.electorate.couldStillRequest(tx, changeId))) throw changeErrors.approvalStale();
    if (approval.breakGlass) return;
    const votes = await this.approvals.listVotes(tx, changeId);
    for (const [index, step] of approval.steps.entries()) {
      const cast = votes.filter((vote) => vote.step === index);
      const eligible = await this.electorate.stillEligible(tx, step, cast);
      if (missingVotes(step, index, eligible) > 0) throw changeErrors.approvalStale();
    }
  }

  async close(tx: RequestContext, changeId: string, state: ChangeState): Promise<void> {
    await this.approvals.close(tx, changeId);
    // It is closed by being carried out.
    await this.outbox.add(tx, 'approval.decided', changeId, { state: state === 'executing' ? 'approved' : state });
  }

  async #require(ctx: RequestContext, name: string): Promise<ApprovalProfile> {
    const profile = await this.directory.find(ctx, name);
    if (!profile) throw gateBroken(name);
    return profile;
  }
}

/** Whether a profile has a say in a change of what its vault profile holds. */
function hasASay(
  { kinds, condition }: ApprovalProfile,
  asked: readonly GatedKind[],
  { gatedAs, requestedBy }: Gated,
): boolean {
  const isListed = asked.some((kind) => kinds.includes(kind));
  if (!isListed && !gatedAs.mayEscape) return false;
  if (condition === null) return isListed;
  // Whoever makes a token names it as they like: only users and service accounts have a name that means anything.
  const requester = principalIdOf(requestedBy.id) === undefined ? requestedBy.id : requestedBy.name;
  const isMet = compileCondition(condition);
  const holds = gatedAs.facts.map((facts: GatedFacts) => isMet({ ...facts, requester }));
  if (isListed) return holds.includes(true);
  // What is under approval is not taken out of it without; and to bring in what was made outside is to create it there.
  return holds[0] ? holds.includes(false) : holds.includes(true) && kinds.includes('create');
}
