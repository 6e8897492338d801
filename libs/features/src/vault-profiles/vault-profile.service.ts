import { Injectable } from '@nestjs/common';
import { newId, type RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { ChangeGateSlot, ChangeService, type ChangeEntity } from '@claviger/features/changes';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import type { MountSettings, VaultCheck } from '@claviger/vaults/contract';
import { inputInvalid, parseInput } from './input-problems.js';
import type { ListQuery } from './list-query.js';
import { ProfileDirectory } from './profile-directory.js';
import { ResourceAccess } from './resource-access.js';
import { ServerIdentities } from './server-identities.js';
import { assertReady } from './vault-checks.js';
import { mountOf, VaultConnections } from './vault-connections.js';
import type { ChangeOptions, SaveOptions } from './vault-instance.service.js';
import { VaultInstanceRepository } from './vault-instance.repository.js';
import type { VaultInstance } from './vault-instance.js';
import { VaultKindRegistry } from './vault-kind-registry.js';
import {
  REMOVE_VAULT_PROFILE,
  UPDATE_VAULT_PROFILE,
  type ChangedColumns,
  type VaultProfileParameters,
} from './vault-profile-change.js';
import { VaultProfileRepository, type VaultProfileFilter } from './vault-profile.repository.js';
import {
  newVaultProfile,
  vaultProfileChanges,
  type NewVaultProfile,
  type VaultProfileChanges,
} from './vault-profile.schema.js';
import type { VaultProfile } from './vault-profile.js';
import {
  approvalProfileUnknown,
  staleMatch,
  vaultInstanceNotFound,
  vaultProfileExists,
  vaultProfileInUse,
  vaultProfileNotFound,
} from './vault-profiles.errors.js';

const RESOURCE = 'vault-profiles';
/** Where the secrets of a profile lie. */
const PLACE_FIELDS = ['instanceId', 'mount', 'prefix', 'flavour'] as const;

type Place = Pick<VaultProfile, (typeof PLACE_FIELDS)[number]>;

/** Why is for those who decide about it, where somebody does; and kept in the audit log. */
type Reasoned = { readonly reason?: string };

/** A profile as it is now, and the change of it that waits for approval, if it does. */
export type UpdatedProfile = VaultProfile & { readonly waiting?: ChangeEntity };

/**
 * Vault profiles. The first five methods are for other features, which judge access by the secrets that they are about;
 * the rest is for those who run Claviger and asks whether the caller may.
 */
@Injectable()
export class VaultProfileService {
  constructor(
    private readonly database: Database,
    private readonly profiles: VaultProfileRepository,
    private readonly instances: VaultInstanceRepository,
    private readonly kinds: VaultKindRegistry,
    private readonly connections: VaultConnections,
    private readonly identities: ServerIdentities,
    private readonly directory: ProfileDirectory,
    private readonly access: ResourceAccess,
    private readonly audit: AuditService,
    private readonly changes: ChangeService,
    private readonly slot: ChangeGateSlot,
  ) {}

  /** Names of all profiles by id, removed ones included. From memory. */
  names(ctx: RequestContext): Promise<ReadonlyMap<string, string>> {
    return this.directory.names(ctx);
  }

  /** A profile by id or name, unless removed. From memory. Authorise with the name that is found, not the one asked for. */
  async find(ctx: RequestContext, idOrName: string): Promise<VaultProfile | undefined> {
    return (await this.directory.find(ctx, idOrName))?.profile;
  }

  /** From memory. @throws AppError VAULT_PROFILE_NOT_FOUND, also when it was removed */
  async get(ctx: RequestContext, id: string): Promise<VaultProfile> {
    const found = await this.find(ctx, id);
    if (!found) throw vaultProfileNotFound();
    return found;
  }

  /**
   * With the revision of its instance. Inside a transaction as the database has it now, for decisions that it acts on; else
   * from memory.
   * @throws AppError VAULT_PROFILE_NOT_FOUND
   */
  async getNow(tx: RequestContext, id: string): Promise<VaultProfile & { readonly instanceRevision: number }> {
    const found = await this.directory.findNow(tx, id);
    if (!found) throw vaultProfileNotFound();
    return { ...found.profile, instanceRevision: found.instance.revision };
  }

  /** True when its vault is reached over the network. From memory. @throws AppError VAULT_PROFILE_NOT_FOUND */
  async isRemote(ctx: RequestContext, id: string): Promise<boolean> {
    const found = await this.directory.find(ctx, id);
    if (!found) throw vaultProfileNotFound();
    return this.kinds.get(found.instance.kind).remote;
  }

  /**
   * @throws AppError INPUT_INVALID with JSON pointers, VAULT_INSTANCE_NOT_FOUND, VAULT_PROFILE_EXISTS,
   * VAULT_CHECK_FAILED (nothing is saved then)
   */
  async create(ctx: RequestContext, input: NewVaultProfile, options: SaveOptions = {}): Promise<VaultProfile> {
    const { instance: instanceRef, ...given } = parseInput(newVaultProfile, input);
    this.access.authorizeCreate(ctx, RESOURCE, given.name);
    const instance = await this.#instance(ctx, instanceRef);
    const row = { ...given, id: newId(), instanceId: instance.id };
    if (await this.profiles.find(ctx, given.name)) throw vaultProfileExists(given.name);
    await this.#assertUsable(ctx, instance, row, options);
    return this.database.transaction(ctx, async (tx) => {
      await this.#lockInstance(tx, instance);
      await this.#lockApprovalProfile(tx, given.approvalProfile);
      try {
        await this.profiles.insert(tx, row);
      } catch (error) {
        if (isUniqueViolation(error, 'uq_vault_profile_name')) throw vaultProfileExists(given.name);
        throw error;
      }
      await this.#record(tx, 'create', row, { instance: instance.name });
      this.directory.changed(tx);
      return (await this.profiles.find(tx, row.id))!;
    });
  }

  /** Up to `limit` rows, in order. */
  list(ctx: RequestContext, query: ListQuery & VaultProfileFilter): Promise<VaultProfile[]> {
    this.access.authorizeList(ctx, RESOURCE);
    return this.profiles.list(ctx, query);
  }

  /** For a caller who may read it. @throws AppError VAULT_PROFILE_NOT_FOUND, ACCESS_DENIED */
  show(ctx: RequestContext, idOrName: string): Promise<VaultProfile> {
    return this.#require(ctx, idOrName, 'read');
  }

  /**
   * Changes what is given (see {@link vaultProfileChanges}). A change of the place is checked live first. One that has an
   * approval profile is changed once that has approved.
   *
   * @throws AppError INPUT_INVALID, STALE_MATCH, VAULT_PROFILE_IN_USE when the place is to change, VAULT_CHECK_FAILED
   */
  async update(
    ctx: RequestContext,
    idOrName: string,
    input: VaultProfileChanges,
    options: SaveOptions & ChangeOptions & Reasoned = {},
  ): Promise<UpdatedProfile> {
    const profile = await this.#require(ctx, idOrName, 'update');
    assertRevision(profile, options.expectedRevision);
    const { instance: instanceRef, ...given } = parseInput(vaultProfileChanges, input);
    const instance = await this.#instance(ctx, instanceRef ?? profile.instanceId);
    const set = { ...given, instanceId: instance.id };
    const next = { ...profile, ...set };
    if (isMoved(profile, next)) await this.#assertUsable(ctx, instance, next, options);
    const fields = Object.keys(input).join(', ');
    if (profile.approvalProfile !== null)
      return { ...profile, waiting: await this.#submit(ctx, UPDATE_VAULT_PROFILE, profile, { set, fields }, options) };
    return this.database.transaction(ctx, (tx) => this.applyUpdate(tx, profile, set, fields, options));
  }

  /**
   * Removes it; one that has an approval profile once that has approved: then the change that waits is given.
   * @throws AppError VAULT_PROFILE_IN_USE naming the secrets
   */
  async remove(
    ctx: RequestContext,
    idOrName: string,
    options: ChangeOptions & Reasoned = {},
  ): Promise<ChangeEntity | undefined> {
    const profile = await this.#require(ctx, idOrName, 'delete');
    assertRevision(profile, options.expectedRevision);
    if (profile.approvalProfile !== null) {
      await this.#assertUnused(ctx, profile, 'cannot be removed');
      return this.#submit(ctx, REMOVE_VAULT_PROFILE, profile, {}, options);
    }
    await this.database.transaction(ctx, (tx) => this.applyRemove(tx, profile, options));
    return undefined;
  }

  /** Writes a change that was judged, if the profile is as it was then. In a transaction. */
  async applyUpdate(
    tx: RequestContext,
    profile: Pick<VaultProfile, 'id' | 'revision'>,
    set: ChangedColumns,
    fields: string,
    { reason }: Reasoned = {},
  ): Promise<VaultProfile> {
    await this.#lockInstance(tx, { id: set.instanceId });
    const current = await this.#lock(tx, profile.id);
    assertRevision(current, profile.revision);
    if (isMoved(current, { ...current, ...set }))
      await this.#assertUnused(tx, current, 'cannot be moved to another place');
    if (set.approvalProfile !== current.approvalProfile) await this.#lockApprovalProfile(tx, set.approvalProfile);
    await this.profiles.update(tx, current.id, set);
    await this.#record(tx, 'update', current, { changed: fields, ...(reason && { reason }) });
    this.directory.changed(tx);
    return (await this.profiles.find(tx, current.id))!;
  }

  /** Removes it, if it is as it was judged. In a transaction. */
  async applyRemove(
    tx: RequestContext,
    profile: Pick<VaultProfile, 'id' | 'revision'>,
    { reason }: Reasoned = {},
  ): Promise<void> {
    const current = await this.#lock(tx, profile.id);
    assertRevision(current, profile.revision);
    await this.#assertUnused(tx, current, 'cannot be removed');
    await this.profiles.remove(tx, profile.id);
    await this.#record(tx, 'remove', current, reason ? { reason } : {});
    this.directory.changed(tx);
  }

  /** Asks the vault now about the mount; a failure is a status. A server that is reached is remembered. */
  async check(ctx: RequestContext, idOrName: string): Promise<VaultCheck> {
    const profile = await this.#require(ctx, idOrName, 'read');
    const instance = await this.instances.find(ctx, profile.instanceId);
    if (!instance) throw vaultInstanceNotFound();
    return this.#check(ctx, instance, mountOf(profile));
  }

  #submit(
    ctx: RequestContext,
    kind: string,
    { id, name, revision, approvalProfile }: VaultProfile,
    parameters: Omit<VaultProfileParameters, 'revision'>,
    { reason }: Reasoned,
  ): Promise<ChangeEntity> {
    const operation = kind === UPDATE_VAULT_PROFILE ? 'update' : 'delete';
    return this.changes.submit(ctx, kind, {
      subject: { kind: 'vault-profile', id, name },
      parameters: { ...parameters, revision },
      needs: [{ path: `claviger/${RESOURCE}/${name}`, operation }],
      gatedAs: { at: [{ vaultProfile: id, kinds: [] }], facts: [], approvalProfiles: [approvalProfile!] },
      ...(reason && { reason }),
      isLocal: true,
    });
  }

  /** The instance that a profile is to use; its credentials work for every profile, so the caller must know of it. */
  async #instance(ctx: RequestContext, idOrName: string): Promise<VaultInstance> {
    const found = await this.instances.find(ctx, idOrName);
    return this.access.require(
      ctx,
      { resource: 'vault-instances', idOrName, operation: 'read' },
      found,
      vaultInstanceNotFound,
    );
  }

  async #assertUsable(ctx: RequestContext, instance: VaultInstance, place: Place, options: SaveOptions): Promise<void> {
    const kind = this.kinds.get(instance.kind);
    if (place.mount === '' && !kind.isMountOptional)
      throw inputInvalid([{ pointer: '#/mount', message: 'must not be empty for a vault of this kind' }]);
    const flavours = ['auto', ...kind.flavours];
    if (!flavours.includes(place.flavour))
      throw inputInvalid([{ pointer: '#/flavour', message: `must be one of ${flavours.join(', ')}` }]);
    if (options.check !== false) assertReady(await this.#check(ctx, instance, mountOf(place)));
  }

  async #check(ctx: RequestContext, instance: VaultInstance, mount: MountSettings): Promise<VaultCheck> {
    const check = await this.connections.check(ctx, instance, mount);
    return this.identities.remember(ctx, instance, check);
  }

  async #assertUnused(tx: RequestContext, { id, name }: VaultProfile, refusal: string): Promise<void> {
    const uses = await this.profiles.listUses(tx, id);
    if (uses.length > 0) throw vaultProfileInUse(name, refusal, uses);
  }

  async #require(
    ctx: RequestContext,
    idOrName: string,
    operation: 'read' | 'update' | 'delete',
  ): Promise<VaultProfile> {
    const found = await this.profiles.find(ctx, idOrName);
    return this.access.require(ctx, { resource: RESOURCE, idOrName, operation }, found, vaultProfileNotFound);
  }

  async #lock(tx: RequestContext, id: string): Promise<VaultProfile> {
    const current = await this.profiles.lock(tx, id);
    if (!current) throw vaultProfileNotFound();
    return current;
  }

  /** Keeps an approval profile that is to be assigned from being removed. @throws AppError APPROVAL_PROFILE_UNKNOWN */
  async #lockApprovalProfile(tx: RequestContext, name: string | null | undefined): Promise<void> {
    if (name && !(await this.slot.gate.findProfile(tx, name))) throw approvalProfileUnknown();
  }

  /** Keeps the instance from being removed until the transaction has ended. */
  async #lockInstance(tx: RequestContext, { id }: Pick<VaultInstance, 'id'>): Promise<void> {
    if (!(await this.instances.lock(tx, id, 'to use'))) throw vaultInstanceNotFound();
  }

  async #record(
    tx: RequestContext,
    verb: string,
    { id, name }: { readonly id: string; readonly name: string },
    details: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const resource = { kind: 'vault-profile', id, name };
    const event = { action: `vault-profile.${verb}`, outcome: 'allowed', resource, details } as const;
    await this.audit.record(tx, this.audit.entry(tx, event));
  }
}

function assertRevision({ revision }: VaultProfile, expected: number | undefined): void {
  if (expected !== undefined && expected !== revision) throw staleMatch('vault profile', revision);
}

const isMoved = (from: Place, to: Place): boolean => PLACE_FIELDS.some((field) => to[field] !== from[field]);
