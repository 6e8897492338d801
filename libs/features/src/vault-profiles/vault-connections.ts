import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import type { MountSettings, VaultAdapter, VaultCapabilities, VaultCheck } from '@claviger/vaults/contract';
import { LiveConnection } from './live-connection.js';
import { ProfileDirectory } from './profile-directory.js';
import { ServerIdentities } from './server-identities.js';
import { requestCall, sharedCall } from './vault-checks.js';
import { VaultGuards } from './vault-guards.js';
import { VaultInstanceRepository } from './vault-instance.repository.js';
import type { VaultInstance } from './vault-instance.js';
import { VaultKindRegistry } from './vault-kind-registry.js';
import type { BoundProfile } from './vault-profile.repository.js';
import type { VaultProfile } from './vault-profile.js';
import { vaultInstanceNotFound, vaultProfileNotFound } from './vault-profiles.errors.js';

const MAX_CONNECTIONS = 500;

/** The vault behind a profile, ready for use. To be asked for anew for each piece of work. */
export type OpenVault = {
  readonly adapter: VaultAdapter;
  readonly profile: VaultProfile;
  readonly instance: VaultInstance;
  readonly capabilities: VaultCapabilities;
  readonly serverIdentity: string;
  /** Reached over the network; the built-in vault is not, and takes part in transactions. */
  readonly isRemote: boolean;
  /** The text under which the place of an object is claimed. */
  readonly canonicalPlace: (physicalName: string) => string;
};

/** Where an object of a profile lies. */
export type Location = {
  readonly profile: VaultProfile;
  readonly serverIdentity: string;
  readonly physicalName: string;
};

type Entry = { readonly storeId: string; readonly revision: number; readonly live: Promise<LiveConnection> };

/**
 * The live connections of this process: one per instance, kept while the instance is as it was, replaced when it has
 * changed, the least recently used closed when there are too many.
 */
@Injectable()
export class VaultConnections implements OnApplicationShutdown {
  readonly #entries = new Map<string, Entry>();

  constructor(
    private readonly directory: ProfileDirectory,
    private readonly instances: VaultInstanceRepository,
    private readonly kinds: VaultKindRegistry,
    private readonly identities: ServerIdentities,
    private readonly guards: VaultGuards,
  ) {
    directory.onReload((storeId, living) => this.#retireOutdated(storeId, living));
  }

  /** @throws AppError VAULT_PROFILE_NOT_FOUND; VaultError when the server must be asked and does not answer */
  async adapterFor(ctx: RequestContext, profileId: string): Promise<OpenVault> {
    const { profile, instance } = await this.#get(ctx, profileId);
    const live = await this.#connect(ctx, instance);
    const mount = live.mount(mountOf(profile));
    const [card, serverIdentity] = await Promise.all([
      mount.capabilities(() => sharedCall(ctx)),
      this.#identify(ctx, instance, live),
    ]);
    return {
      adapter: mount.adapter,
      profile,
      instance,
      capabilities: card,
      serverIdentity,
      isRemote: this.kinds.get(instance.kind).remote,
      canonicalPlace: (physicalName) => live.canonicalPlace(profile.mount, physicalName),
    };
  }

  /** Asks the server only when it was never reached. @throws AppError VAULT_PROFILE_NOT_FOUND; VaultError */
  async locate(ctx: RequestContext, profileId: string, physicalName: string): Promise<Location> {
    const { profile, instance } = await this.#get(ctx, profileId);
    const live = await this.#connect(ctx, instance);
    const serverIdentity = await this.#identify(ctx, instance, live);
    return { profile, serverIdentity, physicalName: live.canonicalPlace(profile.mount, physicalName) };
  }

  /** Checks an instance, or one mount of it, with its stored credentials. */
  async check(ctx: RequestContext, instance: VaultInstance, mount?: MountSettings): Promise<VaultCheck> {
    const live = await this.#connect(ctx, instance);
    return live.check(requestCall(ctx), mount);
  }

  /** Closes all connections, after their calls have ended. */
  async onApplicationShutdown(): Promise<void> {
    const keys = [...this.#entries.keys()];
    await Promise.all(keys.map((key) => this.#retire(key)));
  }

  async #get(ctx: RequestContext, profileId: string): Promise<BoundProfile> {
    const found = await this.directory.find(ctx, profileId);
    if (!found) throw vaultProfileNotFound();
    return found;
  }

  async #connect(ctx: RequestContext, instance: VaultInstance): Promise<LiveConnection> {
    const { id, revision } = instance;
    const known = this.#entries.get(id);
    this.#entries.delete(id);
    if (known && known.revision >= revision) {
      this.#entries.set(id, known);
      return known.live;
    }
    if (known) void close(known);
    const entry: Entry = { storeId: ctx.storeId, revision, live: this.#open(ctx, id) };
    this.#entries.set(id, entry);
    this.#evict();
    entry.live.catch(() => {
      if (this.#entries.get(id) === entry) this.#entries.delete(id);
    });
    return entry.live;
  }

  async #open(ctx: RequestContext, instanceId: string): Promise<LiveConnection> {
    const found = await this.instances.findWithCredentials(ctx, instanceId);
    if (!found) throw vaultInstanceNotFound();
    const { instance, credentials } = found;
    const kind = this.kinds.get(instance.kind);
    const { id, name, config } = instance;
    const settings = this.kinds.parse(kind, { storeId: ctx.storeId, id, name, config, credentials });
    return new LiveConnection(instance, kind, kind.connect(settings), this.guards.of(instance, credentials));
  }

  async #identify(ctx: RequestContext, instance: VaultInstance, live: LiveConnection): Promise<string> {
    if (instance.serverIdentity !== null) return instance.serverIdentity;
    const serverIdentity = await live.serverIdentity(requestCall(ctx));
    await this.identities.record(ctx, instance, serverIdentity);
    return serverIdentity;
  }

  #retireOutdated(storeId: string, living: readonly BoundProfile[]): void {
    const revisions = new Map(living.map(({ instance }) => [instance.id, instance.revision]));
    for (const [id, entry] of this.#entries) {
      if (entry.storeId === storeId && entry.revision < (revisions.get(id) ?? Infinity)) void this.#retire(id);
    }
  }

  #evict(): void {
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MAX_CONNECTIONS && oldest !== undefined) void this.#retire(oldest);
  }

  async #retire(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    if (entry) await close(entry);
  }
}

/** A connection that was never made, or that fails to close, holds nothing that could be closed better. */
async function close(entry: Entry): Promise<void> {
  try {
    await (await entry.live).retire();
  } catch {}
}

/** The mount that a profile is, as its kind needs it. */
export function mountOf({ mount, flavour, prefix }: Pick<VaultProfile, 'mount' | 'flavour' | 'prefix'>): MountSettings {
  return { mount, flavour, ...(prefix === '' ? {} : { prefix }) };
}
