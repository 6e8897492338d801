import { SecretValue } from '@claviger/kernel';
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
import { KV2_CAPABILITIES } from './kv.capabilities.js';
import { acceptContent } from './kv.content.js';
import { folderLister, isNothing, parseAnswer, type KvEngine, type KvMount } from './kv.engine.js';
import { answerError, isCasRequired, isVersionConflict, kvError } from './kv.errors.js';
import { memberText } from './kv.json.js';
import { listPage, type ListQuery } from './kv.list.js';
import { vaultPath } from './kv.path.js';
import type { KvAnswer, KvRequest, KvTask } from './kv.wire.js';
import { readCard } from './kv2.card.js';
import { markBeforeWrite, unmarkForeign } from './kv2.creation.js';
import { describeMetadata, metadataSchema, serverTime, versionState, type Kv2Metadata } from './kv2.metadata.js';

const receiptSchema = z.object({ data: z.object({ version: z.number().int().positive() }) });

const contentSchema = z.object({
  data: z.object({
    data: z.record(z.string(), z.unknown()),
    metadata: z.object({ version: z.number().int().positive() }),
  }),
});

const goneSchema = z.object({
  data: z.object({ metadata: z.object({ version: z.number(), deletion_time: z.string(), destroyed: z.boolean() }) }),
});

/** KV version 2. A version is a whole number, counted from 1 for each object. */
export class Kv2Engine implements KvEngine {
  readonly flavour = 'kv2';

  constructor(private readonly mount: KvMount) {}

  card(task: KvTask): Promise<VaultCapabilities> {
    return readCard(this.mount, task);
  }

  async create(
    task: KvTask,
    name: string,
    content: VaultContent,
    metadata: Readonly<Record<string, string>>,
  ): Promise<WriteReceipt> {
    const text = acceptContent(task, this.flavour, KV2_CAPABILITIES, content);
    const marked = await markBeforeWrite(this.mount, task, name, metadata);
    const answer = await this.#write(task, name, text, 0);
    if (isVersionConflict(answer)) {
      if (marked) await unmarkForeign(this.mount, task, name, metadata);
      throw kvError(task, 'ALREADY_EXISTS', 'it exists already', { httpStatus: answer.status });
    }
    return this.#receipt(task, answer);
  }

  async put(task: KvTask, name: string, content: VaultContent, expected?: BackendVersion): Promise<WriteReceipt> {
    const text = acceptContent(task, this.flavour, KV2_CAPABILITIES, content);
    const cas = expected === undefined ? undefined : numberOf(expected);
    if (expected !== undefined && cas === undefined) {
      throw kvError(task, 'VERSION_CONFLICT', 'the version expected is not one of KV version 2');
    }
    const answer = await this.#write(task, name, text, cas);
    if (cas !== undefined || !isCasRequired(answer)) return this.#receipt(task, answer);
    // The mount takes no write without a condition, so the caller's "whatever is there" becomes what is there now.
    const current = (await this.#metadata(task, name))?.current_version ?? 0;
    return this.#receipt(task, await this.#write(task, name, text, current));
  }

  async read(task: KvTask, name: string, version?: BackendVersion): Promise<ReadResult> {
    const number = version === undefined ? undefined : numberOf(version);
    // Anything but a version number would be answered with the current version.
    if (version !== undefined && number === undefined) throw await this.#missing(task, name, version);
    const answer = await this.mount.send(task, {
      method: 'GET',
      path: this.#path('data', name),
      ...(number === undefined ? {} : { query: { version: String(number) } }),
    });
    if (answer.status === 200) {
      const { data } = parseAnswer(task, answer, contentSchema);
      const text = memberText(answer.body.reveal(), ['data', 'data'])!;
      return { content: new SecretValue(text), version: String(data.metadata.version) };
    }
    const gone = answer.status === 404 ? goneSchema.safeParse(parseLoose(answer)).data : undefined;
    if (gone) {
      const state = versionState(gone.data.metadata, Infinity);
      throw kvError(task, 'VERSION_UNAVAILABLE', `version ${gone.data.metadata.version} is ${state}`, {
        httpStatus: 404,
        details: { state, version: String(gone.data.metadata.version) },
      });
    }
    if (isNothing(answer)) throw await this.#missing(task, name, version);
    throw answerError(task, answer);
  }

  async describe(task: KvTask, name: string): Promise<ObjectDescription> {
    const answer = await this.#askMetadata(task, name);
    if (isNothing(answer)) throw kvError(task, 'NOT_FOUND', 'there is nothing of that name', { httpStatus: 404 });
    if (answer.status !== 200) throw answerError(task, answer);
    return describeMetadata(parseAnswer(task, answer, metadataSchema).data, serverTime(answer, Date.now()));
  }

  async list(task: KvTask, query: ListQuery): Promise<ListPage> {
    return listPage(folderLister(this.mount, task, { area: 'metadata', pages: true }), query);
  }

  async setMetadata(task: KvTask, name: string, patch: Readonly<Record<string, string>>): Promise<void> {
    const path = this.#path('metadata', name);
    const body = new SecretValue(JSON.stringify({ custom_metadata: patch }));
    const answer = await this.mount.send(task, { method: 'PATCH', path, body, mutates: true });
    if (isNothing(answer)) throw kvError(task, 'NOT_FOUND', 'there is nothing of that name', { httpStatus: 404 });
    // A policy from before the patch capability, or a server from before the method.
    if (answer.status === 403 || answer.status === 405) return this.#replaceMetadata(task, name, patch);
    if (answer.status >= 300) throw answerError(task, answer, { mutates: true });
  }

  softDelete(task: KvTask, name: string, versions: readonly BackendVersion[]): Promise<void> {
    return this.#changeVersions(task, 'delete', name, versions);
  }

  undelete(task: KvTask, name: string, versions: readonly BackendVersion[]): Promise<void> {
    return this.#changeVersions(task, 'undelete', name, versions);
  }

  destroy(task: KvTask, name: string, versions: readonly BackendVersion[]): Promise<void> {
    return this.#changeVersions(task, 'destroy', name, versions);
  }

  async purge(task: KvTask, name: string): Promise<void> {
    const path = this.#path('metadata', name);
    const answer = await this.mount.send(task, { method: 'DELETE', path, mutates: true });
    if (answer.status !== 204) throw answerError(task, answer, { mutates: true });
  }

  #path(area: string, name: string): string {
    return vaultPath(this.mount.mount, area, name);
  }

  /** The content's text goes into the body as it is: parsing it would round its numbers. */
  #write(task: KvTask, name: string, text: string, cas: number | undefined): Promise<KvAnswer> {
    const options = cas === undefined ? '' : `,"options":{"cas":${cas}}`;
    const body = new SecretValue(`{"data":${text}${options}}`);
    return this.mount.send(task, { method: 'POST', path: this.#path('data', name), body, mutates: true });
  }

  #receipt(task: KvTask, answer: KvAnswer): WriteReceipt {
    if (answer.status !== 200) throw answerError(task, answer, { mutates: true });
    return { version: String(parseAnswer(task, answer, receiptSchema).data.version) };
  }

  #askMetadata(task: KvTask, name: string): Promise<KvAnswer> {
    return this.mount.send(task, { method: 'GET', path: this.#path('metadata', name) });
  }

  async #metadata(task: KvTask, name: string): Promise<Kv2Metadata | undefined> {
    const answer = await this.#askMetadata(task, name);
    if (isNothing(answer)) return undefined;
    if (answer.status !== 200) throw answerError(task, answer);
    return parseAnswer(task, answer, metadataSchema).data;
  }

  /** Which of the two is missing, the object or the version. Without the right to ask, the version that was asked for. */
  async #missing(task: KvTask, name: string, version: BackendVersion | undefined): Promise<Error> {
    const nothing = kvError(task, 'NOT_FOUND', 'there is nothing of that name', { httpStatus: 404 });
    if (version === undefined) return nothing;
    const answer = await this.#askMetadata(task, name);
    if (isNothing(answer)) return nothing;
    if (answer.status !== 403 && answer.status !== 200) return answerError(task, answer);
    const isEmpty = answer.status === 200 && parseAnswer(task, answer, metadataSchema).data.current_version === 0;
    return isEmpty ? nothing : kvError(task, 'VERSION_NOT_FOUND', `there is no version ${version} (any more)`);
  }

  async #replaceMetadata(task: KvTask, name: string, patch: Readonly<Record<string, string>>): Promise<void> {
    const found = await this.#metadata(task, name);
    if (!found) throw kvError(task, 'NOT_FOUND', 'there is nothing of that name', { httpStatus: 404 });
    const body = {
      custom_metadata: { ...found.custom_metadata, ...patch },
      metadata_cas: found.current_metadata_version,
    };
    const request: KvRequest = {
      method: 'POST',
      path: this.#path('metadata', name),
      body: new SecretValue(JSON.stringify(body)),
      mutates: true,
    };
    const answer = await this.mount.send(task, request);
    if (answer.status >= 300) throw answerError(task, answer, { mutates: true });
  }

  /** The server answers 204 for an object that does not exist, so that is looked up first. */
  async #changeVersions(task: KvTask, area: string, name: string, versions: readonly BackendVersion[]): Promise<void> {
    const found = await this.#askMetadata(task, name);
    if (isNothing(found)) throw kvError(task, 'NOT_FOUND', 'there is nothing of that name', { httpStatus: 404 });
    if (found.status !== 200 && found.status !== 403) throw answerError(task, found);
    const numbers = versions.map(numberOf).filter((number) => number !== undefined);
    if (numbers.length === 0) return;
    const body = new SecretValue(JSON.stringify({ versions: numbers }));
    const answer = await this.mount.send(task, { method: 'POST', path: this.#path(area, name), body, mutates: true });
    if (answer.status !== 204) throw answerError(task, answer, { mutates: true });
  }
}

function numberOf(version: BackendVersion): number | undefined {
  return /^[1-9]\d{0,14}$/.test(version) ? Number(version) : undefined;
}

function parseLoose(answer: KvAnswer): unknown {
  try {
    return JSON.parse(answer.body.reveal());
  } catch {
    return undefined;
  }
}
