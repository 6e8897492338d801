import { Injectable } from '@nestjs/common';
import { AccessService, isPolicyName, type Operation } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { ChangeService, requesterOf, type ChangeEntity } from '@claviger/features/changes';
import { Voters } from '@claviger/features/principals';
import { inputInvalid, parseInput } from '@claviger/features/vault-profiles';
import { newId, type RequestContext } from '@claviger/kernel';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { ApprovalDirectory } from './approval-directory.js';
import type { ApprovalStep } from './approval-profile.entity.js';
import {
  REMOVE_APPROVAL_PROFILE,
  UPDATE_APPROVAL_PROFILE,
  type ApprovalProfileParameters,
} from './approval-profile.handlers.js';
import { ApprovalProfileRepository, type ApprovalProfile } from './approval-profile.repository.js';
import {
  approvalChanges,
  approvalSettings,
  type ApprovalChanges,
  type ApprovalSettings,
  type ApprovalSettingsInput,
} from './approval-profile.schema.js';
import {
  approvalProfileExists,
  approvalProfileInUse,
  approvalProfileNotFound,
  staleApprovalProfile,
} from './approval.errors.js';
import { Decidability } from './decidability.js';
import { namedSteps } from './named-steps.js';

/** An approval profile with the names of users and groups in the place of their ids. */
export type ApprovalProfileView = ApprovalProfile;

const path = (name: string): string => `claviger/approval-profiles/${name}`;

/** Keeps approval profiles. A change of one waits for approval by the one itself. */
@Injectable()
export class ApprovalProfileService {
  constructor(
    private readonly database: Database,
    private readonly profiles: ApprovalProfileRepository,
    private readonly directory: ApprovalDirectory,
    private readonly decidability: Decidability,
    private readonly voters: Voters,
    private readonly changes: ChangeService,
    private readonly access: AccessService,
    private readonly audit: AuditService,
  ) {}

  /** By name, from the one after `after`. @throws AppError ACCESS_DENIED */
  async list(ctx: RequestContext, limit: number, after?: string): Promise<ApprovalProfileView[]> {
    this.access.authorize(ctx, path(''), 'list');
    return Promise.all((await this.profiles.list(ctx, limit, after)).map((profile) => this.#view(ctx, profile)));
  }

  /** One of its versions, or the one in force. @throws AppError ACCESS_DENIED, APPROVAL_PROFILE_NOT_FOUND */
  async get(ctx: RequestContext, name: string, version?: number): Promise<ApprovalProfileView> {
    this.access.authorize(ctx, path(name), 'read');
    const profile = await this.profiles.find(ctx, name, version);
    if (!profile) throw approvalProfileNotFound();
    return this.#view(ctx, profile);
  }

  /** Newest first. @throws AppError ACCESS_DENIED, APPROVAL_PROFILE_NOT_FOUND */
  async listVersions(
    ctx: RequestContext,
    name: string,
    limit: number,
    before?: number,
  ): Promise<ApprovalProfileView[]> {
    const { name: known } = await this.get(ctx, name);
    const rows = await this.profiles.listVersions(ctx, known, limit, before);
    return Promise.all(rows.map((profile) => this.#view(ctx, profile)));
  }

  /** @throws AppError ACCESS_DENIED, INPUT_INVALID, TOO_FEW_VOTERS, APPROVAL_PROFILE_EXISTS */
  async create(
    ctx: RequestContext,
    { name, ...input }: ApprovalSettingsInput & { readonly name: string },
  ): Promise<ApprovalProfileView> {
    this.access.authorize(ctx, path(name), 'create');
    const settings = await this.#resolve(ctx, parseInput(approvalSettings, input));
    return this.database.transaction(ctx, async (tx) => {
      await this.decidability.assert(tx, settings.steps);
      const id = newId();
      try {
        await this.profiles.insert(tx, { id, name }, { ...settings, createdBy: requesterOf(tx) });
      } catch (error) {
        if (isUniqueViolation(error, 'uq_approval_profile_name')) throw approvalProfileExists(name);
        throw error;
      }
      const resource = { kind: 'approval-profile', id, name };
      const event = { action: 'approval-profile.create', outcome: 'allowed', resource, details: {} } as const;
      await this.audit.record(tx, this.audit.entry(tx, event));
      this.directory.changed(tx);
      return this.#view(tx, (await this.profiles.find(tx, name))!);
    });
  }

  /**
   * Asks for a new version; the change waits for approval by the version in force.
   * @throws AppError ACCESS_DENIED, INPUT_INVALID, TOO_FEW_VOTERS, APPROVAL_PROFILE_NOT_FOUND, STALE_MATCH
   */
  async update(
    ctx: RequestContext,
    name: string,
    input: ApprovalChanges,
    { expectedVersion, reason }: { readonly expectedVersion?: number; readonly reason?: string } = {},
  ): Promise<ChangeEntity> {
    const profile = await this.#require(ctx, name, 'update', expectedVersion);
    const given = parseInput(approvalChanges, input);
    const { description, kinds, condition, steps } = profile;
    const isGiven = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    const settings: ApprovalSettings = {
      description,
      kinds,
      condition,
      ...isGiven,
      steps: given.steps ? (await this.#resolve(ctx, { ...given, steps: given.steps })).steps : steps,
    } as ApprovalSettings;
    await this.decidability.assert(ctx, settings.steps);
    return this.#submit(ctx, UPDATE_APPROVAL_PROFILE, profile, { settings }, reason);
  }

  /** Asks for removing it. @throws AppError ACCESS_DENIED, APPROVAL_PROFILE_NOT_FOUND, APPROVAL_PROFILE_IN_USE, STALE_MATCH */
  async remove(
    ctx: RequestContext,
    name: string,
    { expectedVersion, reason }: { readonly expectedVersion?: number; readonly reason?: string } = {},
  ): Promise<ChangeEntity> {
    const profile = await this.#require(ctx, name, 'delete', expectedVersion);
    const uses = await this.profiles.listUses(ctx, name);
    if (uses.length > 0) throw approvalProfileInUse(name, uses);
    return this.#submit(ctx, REMOVE_APPROVAL_PROFILE, profile, {}, reason);
  }

  #submit(
    ctx: RequestContext,
    kind: string,
    { id, name, version }: ApprovalProfile,
    parameters: Partial<ApprovalProfileParameters>,
    reason: string | undefined,
  ): Promise<ChangeEntity> {
    return this.changes.submit(ctx, kind, {
      subject: { kind: 'approval-profile', id, name },
      parameters: { ...parameters, baseVersion: version },
      needs: [{ path: path(name), operation: kind === UPDATE_APPROVAL_PROFILE ? 'update' : 'delete' }],
      gatedAs: { at: [], facts: [], approvalProfiles: [name] },
      ...(reason ? { reason } : {}),
      isLocal: true,
    });
  }

  async #require(ctx: RequestContext, name: string, operation: Operation, expected?: number): Promise<ApprovalProfile> {
    this.access.authorize(ctx, path(name), operation);
    const profile = await this.profiles.find(ctx, name);
    if (!profile) throw approvalProfileNotFound();
    if (expected !== undefined && expected !== profile.version) throw staleApprovalProfile(profile.version);
    return profile;
  }

  /** Names of users and groups become ids: somebody else of the same name later is somebody else. */
  async #resolve<S extends { readonly steps: readonly ApprovalStep[] }>(ctx: RequestContext, settings: S): Promise<S> {
    const problems: { pointer: string; message: string }[] = [];
    const ids = async (kind: 'users' | 'groups', index: number, names: readonly string[]): Promise<string[]> => {
      const found =
        kind === 'users' ? this.voters.findUsers(ctx, 'name', names) : this.voters.findGroups(ctx, 'name', names);
      const byName = new Map((await found).map((one) => [one.name, one.id]));
      names.forEach((name, at) => {
        if (!byName.has(name))
          problems.push({
            pointer: `#/steps/${index}/${kind}/${at}`,
            message: `there is no such ${kind.slice(0, -1)}`,
          });
      });
      return [...new Set(byName.values())];
    };
    const steps = await Promise.all(
      settings.steps.map(async (step, index) => {
        step.policies.forEach((policy, at) => {
          if (!isPolicyName(policy))
            problems.push({ pointer: `#/steps/${index}/policies/${at}`, message: 'is no name of a policy' });
        });
        const [users, groups] = [await ids('users', index, step.users), await ids('groups', index, step.groups)];
        return { ...step, users, groups, policies: [...new Set(step.policies)] };
      }),
    );
    if (problems.length > 0) throw inputInvalid(problems);
    return { ...settings, steps };
  }

  async #view(ctx: RequestContext, profile: ApprovalProfile): Promise<ApprovalProfileView> {
    return { ...profile, steps: await namedSteps(ctx, this.voters, profile.steps) };
  }
}
