import type {
  BackendVersion,
  ListPage,
  ObjectDescription,
  ReadResult,
  VaultCapabilities,
  VaultContent,
  WriteReceipt,
} from '@claviger/vaults/contract';
import { z } from 'zod';
import { answerError, errorTexts, kvError } from './kv.errors.js';
import type { ListFolder, ListQuery } from './kv.list.js';
import { vaultFolder } from './kv.path.js';
import type { KvAnswer, KvRequest, KvTask } from './kv.wire.js';

export type KvFlavour = 'kv1' | 'kv2';

/** One mount of a connection, whose requests carry the connection's login. */
export type KvMount = {
  readonly mount: string;
  readonly prefix: string | undefined;
  send(task: KvTask, request: KvRequest): Promise<KvAnswer>;
};

/** The contract's operations for one version of the KV engine. Names are checked already. */
export interface KvEngine {
  readonly flavour: KvFlavour;
  card(task: KvTask): Promise<VaultCapabilities>;
  create(
    task: KvTask,
    name: string,
    content: VaultContent,
    metadata: Readonly<Record<string, string>>,
  ): Promise<WriteReceipt>;
  put(task: KvTask, name: string, content: VaultContent, expected?: BackendVersion): Promise<WriteReceipt>;
  read(task: KvTask, name: string, version?: BackendVersion): Promise<ReadResult>;
  describe(task: KvTask, name: string): Promise<ObjectDescription>;
  list(task: KvTask, query: ListQuery): Promise<ListPage>;
  setMetadata(task: KvTask, name: string, patch: Readonly<Record<string, string>>): Promise<void>;
  softDelete(task: KvTask, name: string, versions: readonly BackendVersion[]): Promise<void>;
  undelete(task: KvTask, name: string, versions: readonly BackendVersion[]): Promise<void>;
  destroy(task: KvTask, name: string, versions: readonly BackendVersion[]): Promise<void>;
  purge(task: KvTask, name: string): Promise<void>;
}

/** True for a 404 that says "nothing of that name"; one with a text names a missing mount, namespace or route. */
export function isNothing(answer: KvAnswer): boolean {
  return answer.status === 404 && errorTexts(answer)?.length === 0;
}

/** The answer's JSON in the shape expected. @throws VaultError MISCONFIGURED: a success that no vault gives */
export function parseAnswer<T>(task: KvTask, answer: KvAnswer, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(answer.body.reveal()));
  } catch {
    const says = 'the answer is not that of this KV flavour, or not of a vault at all; check address and flavour';
    throw kvError(task, 'MISCONFIGURED', says, { httpStatus: answer.status });
  }
}

// Without keys: an empty folder, from a server that does not know one of the parameters and says so in a warning.
const keysSchema = z.object({ data: z.union([z.object({ keys: z.array(z.string()) }), z.strictObject({})]) });

/**
 * How a mount lists its folders.
 * @param options `area` is what stands between mount and name; `pages` tells whether the engine may know pages (version 2
 * on OpenBao does, and Vault ignores what it does not know)
 */
export function folderLister(mount: KvMount, task: KvTask, options: { area: string; pages: boolean }): ListFolder {
  return async (folder, { after, limit }) => {
    const page = { limit: String(limit), ...(after === undefined ? {} : { after }) };
    const answer = await mount.send(task, {
      method: 'GET',
      path: vaultFolder(mount.mount, options.area, folder),
      query: { list: 'true', ...(options.pages ? page : {}) },
    });
    if (isNothing(answer)) return [];
    if (answer.status !== 200) throw answerError(task, answer);
    const { data } = parseAnswer(task, answer, keysSchema);
    return 'keys' in data ? data.keys : [];
  };
}
