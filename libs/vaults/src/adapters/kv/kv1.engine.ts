import { SecretValue } from '@claviger/kernel';
import type {
  BackendVersion,
  ListPage,
  ObjectDescription,
  ReadResult,
  VaultCapabilities,
  VaultContent,
  VaultError,
  WriteReceipt,
} from '@claviger/vaults/contract';
import { z } from 'zod';
import { KV1_CAPABILITIES } from './kv.capabilities.js';
import { acceptContent } from './kv.content.js';
import { folderLister, isNothing, parseAnswer, type KvEngine, type KvMount } from './kv.engine.js';
import { answerError, kvError } from './kv.errors.js';
import { memberText } from './kv.json.js';
import { listPage, type ListQuery } from './kv.list.js';
import { vaultPath } from './kv.path.js';
import type { KvTask } from './kv.wire.js';

const dataSchema = z.object({ data: z.record(z.string(), z.unknown()) });

/** KV version 1: the content is the object itself, and there is nothing beside it. */
export class Kv1Engine implements KvEngine {
  readonly flavour = 'kv1';

  constructor(private readonly mount: KvMount) {}

  async card(): Promise<VaultCapabilities> {
    return KV1_CAPABILITIES;
  }

  /** Looks first and writes then: between the two another writer may slip in (`atomicCreate` is false). */
  async create(
    task: KvTask,
    name: string,
    content: VaultContent,
    metadata: Readonly<Record<string, string>>,
  ): Promise<WriteReceipt> {
    if (Object.keys(metadata).length > 0) throw unsupported(task, 'metadata');
    acceptContent(task, this.flavour, KV1_CAPABILITIES, content);
    if ((await this.#find(task, name)) !== undefined) throw kvError(task, 'ALREADY_EXISTS', 'it exists already');
    return this.put(task, name, content);
  }

  async put(task: KvTask, name: string, content: VaultContent, expected?: BackendVersion): Promise<WriteReceipt> {
    if (expected !== undefined) throw unsupported(task, 'compare-and-set');
    const text = acceptContent(task, this.flavour, KV1_CAPABILITIES, content);
    const path = vaultPath(this.mount.mount, name);
    const body = new SecretValue(text);
    const answer = await this.mount.send(task, { method: 'POST', path, body, mutates: true });
    if (answer.status !== 204) throw answerError(task, answer, { mutates: true });
    return { version: undefined };
  }

  async read(task: KvTask, name: string, version?: BackendVersion): Promise<ReadResult> {
    if (version !== undefined) throw unsupported(task, 'versions');
    const content = await this.#find(task, name);
    if (content === undefined) throw notFound(task);
    return { content, version: undefined };
  }

  async describe(task: KvTask, name: string): Promise<ObjectDescription> {
    if ((await this.#find(task, name)) === undefined) throw notFound(task);
    return { currentVersion: undefined, versions: [], metadata: {} };
  }

  async list(task: KvTask, query: ListQuery): Promise<ListPage> {
    return listPage(folderLister(this.mount, task, { area: '', pages: false }), query);
  }

  async setMetadata(task: KvTask): Promise<never> {
    throw unsupported(task, 'metadata');
  }

  async softDelete(task: KvTask): Promise<never> {
    throw unsupported(task, 'deletion that can be undone');
  }

  async undelete(task: KvTask): Promise<never> {
    throw unsupported(task, 'deletion that can be undone');
  }

  async destroy(task: KvTask): Promise<never> {
    throw unsupported(task, 'versions');
  }

  async purge(task: KvTask, name: string): Promise<void> {
    const path = vaultPath(this.mount.mount, name);
    const answer = await this.mount.send(task, { method: 'DELETE', path, mutates: true });
    if (answer.status !== 204) throw answerError(task, answer, { mutates: true });
  }

  async #find(task: KvTask, name: string): Promise<VaultContent | undefined> {
    const answer = await this.mount.send(task, { method: 'GET', path: vaultPath(this.mount.mount, name) });
    if (isNothing(answer)) return undefined;
    if (answer.status !== 200) throw answerError(task, answer);
    parseAnswer(task, answer, dataSchema);
    return new SecretValue(memberText(answer.body.reveal(), ['data'])!);
  }
}

function unsupported(task: KvTask, what: string): VaultError {
  return kvError(task, 'UNSUPPORTED', `KV version 1 has no ${what}`);
}

function notFound(task: KvTask): VaultError {
  return kvError(task, 'NOT_FOUND', 'there is nothing of that name');
}
