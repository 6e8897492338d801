import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { newId, SecretValue, type RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import type { InstanceSettings, VaultCheck, VaultKind } from '@claviger/vaults/contract';
import { parseInput } from './input-problems.js';
import type { ListQuery } from './list-query.js';
import { mergePatch } from './merge-patch.js';
import { ProfileDirectory } from './profile-directory.js';
import { ResourceAccess } from './resource-access.js';
import { ServerIdentities } from './server-identities.js';
import { probeVault } from './vault-checks.js';
import { VaultConnections } from './vault-connections.js';
import { VaultInstanceRepository, type VaultInstanceFilter } from './vault-instance.repository.js';
import {
  instanceLimits,
  newVaultInstance,
  vaultInstanceChanges,
  type NewVaultInstance,
  type VaultInstanceChanges,
} from './vault-instance.schema.js';
import type { VaultInstance } from './vault-instance.js';
import { VaultKindRegistry } from './vault-kind-registry.js';
import {
  credentialsRequired,
  staleMatch,
  vaultInstanceExists,
  vaultInstanceInUse,
  vaultInstanceNotFound,
} from './vault-profiles.errors.js';

const RESOURCE = 'vault-instances';

/** `check: false` saves without asking the vault. */
export type SaveOptions = { readonly check?: boolean };
/** `expectedRevision` is what the caller saw; undefined changes whatever is there. */
export type ChangeOptions = { readonly expectedRevision?: number };

/** What an update leads to, before it is checked and saved. */
type PlannedUpdate = {
  readonly changes: Partial<Pick<VaultInstance, 'description' | 'config' | 'limits'>>;
  readonly credentials: SecretValue<unknown> | undefined;
  /** Undefined when the connection stays what it is. */
  readonly settings: InstanceSettings | undefined;
  /** Whether another server may be behind it now. */
  readonly isRebound: boolean;
};

/** Vault instances, for those who run Claviger. Every method asks whether the caller may. */
@Injectable()
export class VaultInstanceService {
  constructor(
    private readonly database: Database,
    private readonly instances: VaultInstanceRepository,
    private readonly kinds: VaultKindRegistry,
    private readonly connections: VaultConnections,
    private readonly identities: ServerIdentities,
    private readonly directory: ProfileDirectory,
    private readonly access: ResourceAccess,
    private readonly audit: AuditService,
  ) {}

  /**
   * @throws AppError INPUT_INVALID with JSON pointers, VAULT_KIND_UNKNOWN, VAULT_INSTANCE_EXISTS, VAULT_CHECK_FAILED
   * (nothing is saved then)
   */
  async create(ctx: RequestContext, input: NewVaultInstance, options: SaveOptions = {}): Promise<VaultInstance> {
    const { credentials = new SecretValue({}), ...given } = parseInput(newVaultInstance, input);
    this.access.authorizeCreate(ctx, RESOURCE, given.name);
    const kind = this.kinds.get(given.kind);
    const id = newId();
    const settings = this.kinds.parse(kind, { ...given, storeId: ctx.storeId, id, credentials });
    if (await this.instances.find(ctx, given.name)) throw vaultInstanceExists(given.name);
    const check = options.check === false ? undefined : await probeVault(ctx, kind, settings);
    return this.database.transaction(ctx, async (tx) => {
      try {
        const row = { ...given, id, serverIdentity: check?.serverIdentity ?? null };
        await this.instances.insert(tx, row, credentials);
      } catch (error) {
        if (isUniqueViolation(error, 'uq_vault_instance_name')) throw vaultInstanceExists(given.name);
        throw error;
      }
      await this.#record(tx, 'create', { id, name: given.name }, { kind: given.kind });
      return (await this.instances.find(tx, id))!;
    });
  }

  /** Up to `limit` rows, in order. */
  list(ctx: RequestContext, query: ListQuery & VaultInstanceFilter): Promise<VaultInstance[]> {
    this.access.authorizeList(ctx, RESOURCE);
    return this.instances.list(ctx, query);
  }

  /** @throws AppError VAULT_INSTANCE_NOT_FOUND, ACCESS_DENIED */
  get(ctx: RequestContext, idOrName: string): Promise<VaultInstance> {
    return this.#get(ctx, idOrName, 'read');
  }

  /**
   * Changes what is given (see {@link vaultInstanceChanges}); a change of the connection is checked live first.
   *
   * @throws AppError INPUT_INVALID, STALE_MATCH, CREDENTIALS_REQUIRED, VAULT_CHECK_FAILED, VAULT_SERVER_CHANGED
   */
  async update(
    ctx: RequestContext,
    idOrName: string,
    input: VaultInstanceChanges,
    options: SaveOptions & ChangeOptions = {},
  ): Promise<VaultInstance> {
    const instance = await this.#get(ctx, idOrName, 'update');
    assertRevision(instance, options.expectedRevision);
    const kind = this.kinds.get(instance.kind);
    const { changes, credentials, settings, isRebound } = await this.#plan(ctx, kind, instance, input);
    const check = settings && options.check !== false ? await probeVault(ctx, kind, settings) : undefined;
    return this.database.transaction(ctx, async (tx) => {
      const current = await this.#lock(tx, instance.id);
      assertRevision(current, instance.revision);
      const { serverIdentity } = check ?? {};
      if (serverIdentity !== undefined) await this.identities.assertSame(tx, current, serverIdentity);
      const identity = serverIdentity ?? (isRebound ? null : current.serverIdentity);
      await this.instances.update(tx, current.id, { ...changes, serverIdentity: identity }, credentials);
      const changed = [...Object.keys(changes), ...(credentials ? ['credentials'] : [])];
      await this.#record(tx, 'update', current, { changed: changed.join(', ') });
      this.directory.changed(tx);
      return (await this.instances.find(tx, current.id))!;
    });
  }

  /** Removes an instance and erases its credentials. @throws AppError VAULT_INSTANCE_IN_USE naming the profiles */
  async remove(ctx: RequestContext, idOrName: string, options: ChangeOptions = {}): Promise<void> {
    const { id } = await this.#get(ctx, idOrName, 'delete');
    await this.database.transaction(ctx, async (tx) => {
      const current = await this.#lock(tx, id);
      assertRevision(current, options.expectedRevision);
      const profiles = await this.instances.listProfileNames(tx, id);
      if (profiles.length > 0) throw vaultInstanceInUse(current.name, profiles);
      await this.instances.remove(tx, id);
      await this.#record(tx, 'remove', current);
      this.directory.changed(tx);
    });
  }

  /** Asks the vault now; a failure is a status. A server that is reached is remembered. */
  async check(ctx: RequestContext, idOrName: string): Promise<VaultCheck> {
    const instance = await this.#get(ctx, idOrName, 'read');
    const check = await this.connections.check(ctx, instance);
    return this.identities.remember(ctx, instance, check);
  }

  async #plan(
    ctx: RequestContext,
    kind: VaultKind,
    instance: VaultInstance,
    input: VaultInstanceChanges,
  ): Promise<PlannedUpdate> {
    const { credentials, config, limits, ...rest } = parseInput(vaultInstanceChanges, input);
    const changes = {
      ...rest,
      ...(config ? { config: mergePatch(instance.config, config) as Record<string, unknown> } : {}),
      ...(limits ? { limits: parseInput(instanceLimits, mergePatch(instance.limits, limits), '/limits') } : {}),
    };
    if (!config && !credentials) return { changes, credentials, settings: undefined, isRebound: false };
    const stored = await this.instances.findWithCredentials(ctx, instance.id);
    if (!stored) throw vaultInstanceNotFound();
    const before = { ...instance, storeId: ctx.storeId, credentials: stored.credentials };
    const settings = this.kinds.parse(kind, { ...before, ...changes, credentials: credentials ?? stored.credentials });
    if (!credentials) assertSameReceiver(kind, this.kinds.parse(kind, before), settings);
    return { changes, credentials, settings, isRebound: config !== undefined };
  }

  async #get(ctx: RequestContext, idOrName: string, operation: 'read' | 'update' | 'delete'): Promise<VaultInstance> {
    const found = await this.instances.find(ctx, idOrName);
    return this.access.require(ctx, { resource: RESOURCE, idOrName, operation }, found, vaultInstanceNotFound);
  }

  async #lock(tx: RequestContext, id: string): Promise<VaultInstance> {
    const current = await this.instances.lock(tx, id, 'to change');
    if (!current) throw vaultInstanceNotFound();
    return current;
  }

  async #record(
    tx: RequestContext,
    verb: string,
    { id, name }: { readonly id: string; readonly name: string },
    details: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const resource = { kind: 'vault-instance', id, name };
    const event = { action: `vault-instance.${verb}`, outcome: 'allowed', resource, details } as const;
    await this.audit.record(tx, this.audit.entry(tx, event));
  }
}

/** Stored credentials go only where they were meant to go when they were given. @throws AppError CREDENTIALS_REQUIRED */
function assertSameReceiver(kind: VaultKind, before: InstanceSettings, after: InstanceSettings): void {
  const [old, now] = [before.config, after.config] as [Record<string, unknown>, Record<string, unknown>];
  const changed = kind.credentialBoundFields.filter((field) => !isDeepStrictEqual(old[field], now[field]));
  if (changed.length > 0) throw credentialsRequired(changed);
}

function assertRevision({ revision }: VaultInstance, expected: number | undefined): void {
  if (expected !== undefined && expected !== revision) throw staleMatch('vault instance', revision);
}
