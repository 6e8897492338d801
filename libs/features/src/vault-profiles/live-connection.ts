import {
  VaultError,
  type AdapterCall,
  type MountSettings,
  type VaultAdapter,
  type VaultCapabilities,
  type VaultCheck,
  type VaultConnection,
  type VaultKind,
} from '@claviger/vaults/contract';
import { intercept } from '@claviger/vaults/wrappers';
import type { ConnectionGuards } from './vault-guards.js';
import type { VaultInstance } from './vault-instance.js';

/** A mount of a live connection: its adapter, ready for use. */
export type OpenMount = {
  readonly adapter: VaultAdapter;
  /** The card. The vault is asked once; the call is made only then. */
  capabilities(makeCall: () => AdapterCall): Promise<VaultCapabilities>;
};

/**
 * The connection to one instance as it was at one revision. Counts its calls, so that it can be replaced while they run:
 * once retired it takes no new ones, and closes after the last has ended.
 */
export class LiveConnection {
  readonly #mounts = new Map<string, OpenMount>();
  #running = 0;
  #isRetired = false;
  #markIdle: () => void = () => undefined;

  constructor(
    readonly instance: VaultInstance,
    private readonly kind: VaultKind,
    private readonly connection: VaultConnection,
    private readonly guards: ConnectionGuards,
  ) {}

  mount(settings: MountSettings): OpenMount {
    const key = keyOf(settings);
    let mount = this.#mounts.get(key);
    if (!mount) {
      mount = openMount(this.#wrap(this.connection.open(settings)));
      this.#mounts.set(key, mount);
    }
    return mount;
  }

  /** What was found out about the mount before is forgotten: whoever checks may have changed it. */
  check(call: AdapterCall, mount?: MountSettings): Promise<VaultCheck> {
    if (mount) this.#mounts.delete(keyOf(mount));
    return this.#run('check', () => this.connection.check(call, mount));
  }

  serverIdentity(call: AdapterCall): Promise<string> {
    return this.#run('serverIdentity', () => this.connection.serverIdentity(call));
  }

  canonicalPlace(mount: string, name: string): string {
    return this.connection.canonicalPlace(mount, name);
  }

  /** Takes no new calls, waits for those under way, closes. */
  async retire(): Promise<void> {
    if (this.#isRetired) return;
    this.#isRetired = true;
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#markIdle = resolve));
    this.guards.release();
    await this.connection.close();
  }

  #wrap(adapter: VaultAdapter): VaultAdapter {
    // The built-in vault has nothing to close, and its calls belong to transactions that must not fail half way.
    if (!this.kind.remote) return adapter;
    return intercept(this.guards.guard(adapter), ({ operation, run }) => this.#run(operation, run));
  }

  async #run<T>(operation: string, work: () => Promise<T>): Promise<T> {
    if (this.#isRetired) throw this.#replaced(operation);
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#markIdle();
    }
  }

  #replaced(operation: string): VaultError {
    return new VaultError({
      code: 'UNAVAILABLE',
      message: `The settings of the vault instance ${this.instance.name} were changed meanwhile. Try again.`,
      backend: this.kind.kind,
      operation,
    });
  }
}

function keyOf({ mount, flavour, prefix }: MountSettings): string {
  return JSON.stringify([mount, flavour, prefix]);
}

function openMount(adapter: VaultAdapter): OpenMount {
  let card: Promise<VaultCapabilities> | undefined;
  return {
    adapter,
    capabilities: (makeCall) => {
      card ??= adapter.capabilities(makeCall()).catch((error: unknown) => {
        card = undefined;
        throw error;
      });
      return card;
    },
  };
}
