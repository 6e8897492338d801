import {
  isVaultError,
  type AdapterCall,
  type AdapterOperation,
  type BackendVersion,
  type ListPage,
  type MountSettings,
  type ObjectDescription,
  type ReadAnswer,
  type ReadResult,
  type VaultAdapter,
  type VaultCapabilities,
  type VaultContent,
  type WriteCondition,
  type WriteReceipt,
} from '@claviger/vaults/contract';
import { isAllowedName, KV2_CAPABILITIES } from './kv.capabilities.js';
import type { KvEngine, KvFlavour, KvMount } from './kv.engine.js';
import { kvError } from './kv.errors.js';
import { detectFlavour } from './kv.flavour.js';
import type { ListQuery } from './kv.list.js';
import type { KvTask } from './kv.wire.js';
import { cancelled } from './kv.wire-errors.js';
import { Kv1Engine } from './kv1.engine.js';
import { Kv2Engine } from './kv2.engine.js';
import { SharedFlight } from './shared-flight.js';

/**
 * One KV mount of OpenBao or Vault. Asks once which version of the engine it runs, and again after an error that a
 * mount replaced by another one would give.
 */
export class KvAdapter implements VaultAdapter {
  readonly kind = 'kv';
  readonly #detections = new SharedFlight<KvEngine>();
  readonly #cards = new SharedFlight<VaultCapabilities>();
  #engine: KvEngine | undefined;
  #card: VaultCapabilities | undefined;

  constructor(
    private readonly mount: KvMount,
    private readonly settings: MountSettings,
  ) {}

  /** The flavour in force. @throws VaultError as {@link detectFlavour} */
  async flavour(call: AdapterCall): Promise<KvFlavour> {
    return this.#run(call, 'capabilities', undefined, (engine) => Promise.resolve(engine.flavour));
  }

  async capabilities(call: AdapterCall): Promise<VaultCapabilities> {
    return this.#run(call, 'capabilities', undefined, async (engine, task) => {
      this.#card ??= await this.#cards.join(call.signal, (signal) => engine.card(withSignal(task, signal)));
      return this.#card;
    });
  }

  create(
    call: AdapterCall,
    name: string,
    content: VaultContent,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<WriteReceipt> {
    return this.#run(call, 'create', name, (engine, task) => engine.create(task, name, content, metadata));
  }

  put(call: AdapterCall, name: string, content: VaultContent, condition: WriteCondition = {}): Promise<WriteReceipt> {
    return this.#run(call, 'put', name, (engine, task) => engine.put(task, name, content, condition.expectedVersion));
  }

  read(call: AdapterCall, name: string, version?: BackendVersion): Promise<ReadResult> {
    return this.#run(call, 'read', name, (engine, task) => engine.read(task, name, version));
  }

  readMany(call: AdapterCall): Promise<readonly ReadAnswer[]> {
    return this.#run(call, 'readMany', undefined, async (_, task) => {
      throw kvError(task, 'UNSUPPORTED', 'a KV mount gives one object at a time');
    });
  }

  describe(call: AdapterCall, name: string): Promise<ObjectDescription> {
    return this.#run(call, 'describe', name, (engine, task) => engine.describe(task, name));
  }

  list(call: AdapterCall, query: ListQuery): Promise<ListPage> {
    const folder = query.prefix === '' ? undefined : query.prefix;
    return this.#run(call, 'list', folder, (engine, task) => engine.list(task, query));
  }

  setMetadata(call: AdapterCall, name: string, patch: Readonly<Record<string, string>>): Promise<void> {
    return this.#run(call, 'setMetadata', name, (engine, task) => engine.setMetadata(task, name, patch));
  }

  softDelete(call: AdapterCall, name: string, versions: readonly BackendVersion[]): Promise<void> {
    return this.#run(call, 'softDelete', name, (engine, task) => engine.softDelete(task, name, versions));
  }

  undelete(call: AdapterCall, name: string, versions: readonly BackendVersion[]): Promise<void> {
    return this.#run(call, 'undelete', name, (engine, task) => engine.undelete(task, name, versions));
  }

  destroy(call: AdapterCall, name: string, versions: readonly BackendVersion[]): Promise<void> {
    return this.#run(call, 'destroy', name, (engine, task) => engine.destroy(task, name, versions));
  }

  purge(call: AdapterCall, name: string): Promise<void> {
    return this.#run(call, 'purge', name, (engine, task) => engine.purge(task, name));
  }

  async #run<T>(
    call: AdapterCall,
    operation: AdapterOperation,
    name: string | undefined,
    work: (engine: KvEngine, task: KvTask) => Promise<T>,
  ): Promise<T> {
    const where = `mount ${JSON.stringify(this.mount.mount)}`;
    const task = { call, operation, subject: name === undefined ? where : `${JSON.stringify(name)} in ${where}` };
    if (call.signal.aborted) throw cancelled(task, false);
    if (name !== undefined && !isAllowedName(name)) {
      throw kvError(task, 'INVALID_NAME', `a name is ${KV2_CAPABILITIES.name.description}`);
    }
    try {
      return await work(await this.#detected({ ...task, subject: where }), task);
    } catch (error) {
      if (isVaultError(error, 'MISCONFIGURED')) this.#engine = this.#card = undefined;
      if (call.signal.aborted && !isVaultError(error)) throw cancelled(task, false);
      throw error;
    }
  }

  async #detected(task: KvTask): Promise<KvEngine> {
    this.#engine ??= await this.#detections.join(task.call.signal, async (signal) => {
      const wanted = this.settings.flavour as KvFlavour | 'auto';
      const flavour = await detectFlavour(this.mount, withSignal(task, signal), wanted);
      return flavour === 'kv2' ? new Kv2Engine(this.mount) : new Kv1Engine(this.mount);
    });
    return this.#engine;
  }
}

function withSignal(task: KvTask, signal: AbortSignal): KvTask {
  return { ...task, call: { ...task.call, signal } };
}
