import type { Keyring } from '@claviger/platform/crypto';
import type { Database } from '@claviger/platform/database';
import {
  isVaultError,
  type AdapterCall,
  type InstanceSettings,
  type MountSettings,
  type VaultAdapter,
  type VaultCheck,
  type VaultConnection,
  type VaultKind,
} from '@claviger/vaults/contract';
import { z } from 'zod';
import { BuiltinAdapter } from './builtin.adapter.js';
import { builtinCapabilities } from './builtin.capabilities.js';
import { BUILTIN_KIND, translateQueryError } from './builtin.errors.js';

const configSchema = z.strictObject({
  maxVersions: z
    .int()
    .min(1)
    .max(1000)
    .default(10)
    .describe('How many versions of a secret are kept; a write beyond it erases the oldest.'),
});
const credentialsSchema = z.strictObject({});

export type BuiltinConfig = z.infer<typeof configSchema>;
export type BuiltinCredentials = z.infer<typeof credentialsSchema>;

/** The vault that Claviger is itself, for those who have none. Its mounts need not be made: a mount is a name. */
export class BuiltinKind implements VaultKind<BuiltinConfig, BuiltinCredentials> {
  readonly kind = BUILTIN_KIND;
  readonly title = 'Built-in vault';
  readonly description = "Keeps secrets in Claviger's own database, sealed under the keys of their store.";
  readonly configSchema = configSchema;
  readonly credentialsSchema = credentialsSchema;
  readonly flavours = [];
  readonly credentialBoundFields = [];
  readonly remote = false;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
  ) {}

  connect(settings: InstanceSettings<BuiltinConfig, BuiltinCredentials>): VaultConnection {
    return new BuiltinConnection(this.database, this.keyring, settings.storeId, settings.config.maxVersions);
  }
}

/** Names the "server" that the built-in vault of a store is. */
export function builtinServerIdentity(storeId: string): string {
  return `${BUILTIN_KIND}:${storeId}`;
}

/** The canonical place of an object of the built-in vault. A mount may hold a slash, so it is escaped. */
export function builtinPlace(mount: string, name: string): string {
  return `${encodeURIComponent(mount)}/${name}`;
}

/** Holds nothing open: the pool belongs to the process. */
class BuiltinConnection implements VaultConnection {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly storeId: string,
    private readonly maxVersions: number,
  ) {}

  async serverIdentity(): Promise<string> {
    return builtinServerIdentity(this.storeId);
  }

  async check(call: AdapterCall, mount?: MountSettings): Promise<VaultCheck> {
    const startedAt = performance.now();
    const failure = await this.#failure(call);
    const latencyMs = performance.now() - startedAt;
    if (failure !== undefined) return { status: 'unreachable', message: failure, latencyMs };
    return {
      status: 'ready',
      message: 'The built-in vault is ready.',
      latencyMs,
      product: 'claviger',
      serverIdentity: builtinServerIdentity(this.storeId),
      ...(mount ? { capabilities: builtinCapabilities(this.maxVersions) } : {}),
    };
  }

  open(mount: MountSettings): VaultAdapter {
    const { storeId, maxVersions } = this;
    return new BuiltinAdapter(this.database, this.keyring, { storeId, mount: mount.mount, maxVersions });
  }

  canonicalPlace(mount: string, name: string): string {
    return builtinPlace(mount, name);
  }

  async close(): Promise<void> {}

  /** What keeps the vault from working, in words. */
  async #failure(call: AdapterCall): Promise<string | undefined> {
    try {
      await this.open({ mount: 'check', flavour: 'auto' }).list(call, { prefix: '', recursive: false, limit: 1 });
      return undefined;
    } catch (error) {
      return isVaultError(error) ? error.message : translateQueryError('check', error).message;
    }
  }
}
