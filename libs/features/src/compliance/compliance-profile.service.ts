import { Injectable } from '@nestjs/common';
import { AccessService, type Operation } from '@claviger/features/access';
import { ChangeService, type ChangeEntity } from '@claviger/features/changes';
import { inputInvalid, parseInput, VaultProfileService } from '@claviger/features/vault-profiles';
import { newId, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { Assignment } from './assignment.policy.js';
import {
  CREATE_COMPLIANCE_PROFILE,
  REMOVE_COMPLIANCE_PROFILE,
  UPDATE_COMPLIANCE_PROFILE,
  type ComplianceProfileParameters,
} from './compliance-profile.handlers.js';
import { ComplianceProfileRepository, type ComplianceProfile } from './compliance-profile.repository.js';
import {
  complianceChanges,
  complianceSettings,
  type ComplianceChanges,
  type ComplianceSettings,
  type ComplianceSettingsInput,
} from './compliance-profile.schema.js';
import { complianceProfileExists, complianceProfileNotFound, staleComplianceProfile } from './compliance.errors.js';

/** A compliance profile with the names of vault profiles in the place of their ids. */
export type ComplianceProfileView = ComplianceProfile;

const path = (name: string): string => `claviger/compliance-profiles/${name}`;
const OPERATIONS: Readonly<Record<string, Operation>> = {
  [CREATE_COMPLIANCE_PROFILE]: 'create',
  [UPDATE_COMPLIANCE_PROFILE]: 'update',
  [REMOVE_COMPLIANCE_PROFILE]: 'delete',
};

/**
 * Keeps compliance profiles. A change of one waits for the approval profiles of all vault profiles where it judges secrets, before or
 * after.
 */
@Injectable()
export class ComplianceProfileService {
  constructor(
    private readonly database: Database,
    private readonly profiles: ComplianceProfileRepository,
    private readonly vaultProfiles: VaultProfileService,
    private readonly changes: ChangeService,
    private readonly access: AccessService,
  ) {}

  /** By name, from the one after `after`. @throws AppError ACCESS_DENIED */
  async list(ctx: RequestContext, limit: number, after?: string): Promise<ComplianceProfileView[]> {
    this.access.authorize(ctx, path(''), 'list');
    return this.#views(ctx, await this.profiles.list(ctx, limit, after));
  }

  /** One of its versions, or the one in force. @throws AppError ACCESS_DENIED, COMPLIANCE_PROFILE_NOT_FOUND */
  async get(ctx: RequestContext, name: string, version?: number): Promise<ComplianceProfileView> {
    this.access.authorize(ctx, path(name), 'read');
    const profile = await this.profiles.find(ctx, name, version);
    if (!profile) throw complianceProfileNotFound();
    return (await this.#views(ctx, [profile]))[0]!;
  }

  /** Newest first. @throws AppError ACCESS_DENIED, COMPLIANCE_PROFILE_NOT_FOUND */
  async listVersions(
    ctx: RequestContext,
    name: string,
    limit: number,
    before?: number,
  ): Promise<ComplianceProfileView[]> {
    await this.get(ctx, name);
    return this.#views(ctx, await this.profiles.listVersions(ctx, name, limit, before));
  }

  /** @throws AppError ACCESS_DENIED, INPUT_INVALID, COMPLIANCE_PROFILE_EXISTS */
  async create(
    ctx: RequestContext,
    { name, reason, ...input }: ComplianceSettingsInput & { readonly name: string; readonly reason?: string },
  ): Promise<ChangeEntity> {
    this.access.authorize(ctx, path(name), 'create');
    const settings = await this.#resolve(ctx, parseInput(complianceSettings, input));
    if (await this.profiles.find(ctx, name)) throw complianceProfileExists(name);
    return this.#submit(ctx, CREATE_COMPLIANCE_PROFILE, { id: newId(), name }, { settings }, [settings], reason);
  }

  /** @throws AppError ACCESS_DENIED, INPUT_INVALID, COMPLIANCE_PROFILE_NOT_FOUND, STALE_MATCH */
  async update(
    ctx: RequestContext,
    name: string,
    input: ComplianceChanges,
    { expectedVersion, reason }: { readonly expectedVersion?: number; readonly reason?: string } = {},
  ): Promise<ChangeEntity> {
    const profile = await this.#require(ctx, name, 'update', expectedVersion);
    const parsed = parseInput(complianceChanges, input);
    const { description, rules, vaultProfiles, labelSelectors } = profile;
    const given = Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== undefined));
    const next = { description, rules, vaultProfiles, labelSelectors, ...given } as ComplianceSettings;
    const settings = parsed.vaultProfiles ? await this.#resolve(ctx, next) : next;
    const parameters = { settings, baseVersion: profile.version };
    return this.#submit(ctx, UPDATE_COMPLIANCE_PROFILE, profile, parameters, [profile, settings], reason);
  }

  /** @throws AppError ACCESS_DENIED, COMPLIANCE_PROFILE_NOT_FOUND, STALE_MATCH */
  async remove(
    ctx: RequestContext,
    name: string,
    { expectedVersion, reason }: { readonly expectedVersion?: number; readonly reason?: string } = {},
  ): Promise<ChangeEntity> {
    const profile = await this.#require(ctx, name, 'delete', expectedVersion);
    const parameters = { baseVersion: profile.version };
    return this.#submit(ctx, REMOVE_COMPLIANCE_PROFILE, profile, parameters, [profile], reason);
  }

  async #submit(
    ctx: RequestContext,
    kind: string,
    { id, name }: { readonly id: string; readonly name: string },
    parameters: ComplianceProfileParameters,
    assignments: readonly Assignment[],
    reason: string | undefined,
  ): Promise<ChangeEntity> {
    return this.changes.submit(ctx, kind, {
      subject: { kind: 'compliance-profile', id, name },
      parameters,
      needs: [{ path: path(name), operation: OPERATIONS[kind]! }],
      gatedAs: { at: [], facts: [], approvalProfiles: await this.#approvalProfiles(ctx, assignments) },
      ...(reason ? { reason } : {}),
      isLocal: true,
    });
  }

  /** Those of the vault profiles that are named, and of those with a secret that a selector selects. */
  async #approvalProfiles(ctx: RequestContext, assignments: readonly Assignment[]): Promise<string[]> {
    const vaultProfiles = assignments.flatMap((one) => one.vaultProfiles);
    const selectors = assignments.flatMap((one) => one.labelSelectors.map((selector) => JSON.stringify(selector)));
    const rows = (await this.database.manager(ctx).query(
      `select distinct p.approval_profile as name from vault_profile p
       where p.store_id = $1 and p.deleted_at is null and p.approval_profile is not null and (p.id = any($2) or exists (
         select from secret s where s.store_id = $1 and s.source_profile_id = p.id
           and s.state not in ('deleted', 'rejected') and s.labels @> any($3::jsonb[])))
       order by 1`,
      [ctx.storeId, vaultProfiles, selectors],
    )) as { name: string }[];
    return rows.map((row) => row.name);
  }

  async #require(
    ctx: RequestContext,
    name: string,
    operation: Operation,
    expected?: number,
  ): Promise<ComplianceProfile> {
    this.access.authorize(ctx, path(name), operation);
    const profile = await this.profiles.find(ctx, name);
    if (!profile) throw complianceProfileNotFound();
    if (expected !== undefined && expected !== profile.version) throw staleComplianceProfile(profile.version);
    return profile;
  }

  /** Names of vault profiles become ids: another one of the same name later is another one. */
  async #resolve(ctx: RequestContext, settings: ComplianceSettings): Promise<ComplianceSettings> {
    const found = await Promise.all(settings.vaultProfiles.map((one) => this.vaultProfiles.find(ctx, one)));
    const problems = found.flatMap((profile, index) =>
      profile ? [] : [{ pointer: `#/vaultProfiles/${index}`, message: 'there is no such vault profile' }],
    );
    if (problems.length > 0) throw inputInvalid(problems);
    return { ...settings, vaultProfiles: [...new Set(found.map((profile) => profile!.id))] };
  }

  async #views(ctx: RequestContext, profiles: readonly ComplianceProfile[]): Promise<ComplianceProfileView[]> {
    const names = await this.vaultProfiles.names(ctx);
    return profiles.map((profile) => ({
      ...profile,
      vaultProfiles: profile.vaultProfiles.map((id) => names.get(id) ?? id),
    }));
  }
}
