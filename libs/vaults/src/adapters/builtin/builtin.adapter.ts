import { systemContext, type RequestContext } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import type { Database } from '@claviger/platform/database';
import {
  ADAPTER_OPERATIONS,
  isVaultError,
  type AdapterCall,
  type AdapterOperation,
  type BackendVersion,
  type BackendVersionInfo,
  type ListPage,
  type ObjectDescription,
  type ReadAnswer,
  type ReadResult,
  type StoredContent,
  type VaultAdapter,
  type VaultCapabilities,
  type VaultContent,
  type VersionState,
  type VersionsWanted,
  type WriteCondition,
  type WriteReceipt,
} from '@claviger/vaults/contract';
import { openBuiltinContent, sealBuiltinContent } from './builtin-content.js';
import { decodeListCursor, encodeListCursor, listingBounds } from './builtin-listing.js';
import { builtinCapabilities } from './builtin.capabilities.js';
import { BUILTIN_KIND, builtinError, translateQueryError } from './builtin.errors.js';
import * as sql from './builtin.statements.js';

export type BuiltinMount = { readonly storeId: string; readonly mount: string; readonly maxVersions: number };

type Marks = { readonly deleted_at: Date | null; readonly destroyed_at: Date | null };
type ReadRow = Marks & { version: number | null; content_id: string; content: Buffer };
type DescribeRow = Marks & {
  current_version: number;
  metadata: Record<string, string>;
  version: number;
  created_at: Date;
};

/**
 * The built-in vault: sealed content in Claviger's own PostgreSQL. Takes part in the call's transaction; without one
 * each operation commits by itself.
 */
export class BuiltinAdapter implements VaultAdapter {
  readonly kind = BUILTIN_KIND;
  readonly #card: VaultCapabilities;
  readonly #namePattern: RegExp;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly at: BuiltinMount,
  ) {
    this.#card = builtinCapabilities(at.maxVersions);
    this.#namePattern = new RegExp(this.#card.name.pattern, 'u');
  }

  async capabilities(call: AdapterCall): Promise<VaultCapabilities> {
    if (call.signal.aborted) throw cancelled('capabilities');
    return this.#card;
  }

  async create(
    call: AdapterCall,
    name: string,
    content: VaultContent,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<WriteReceipt> {
    const { contentId, sealed } = this.#seal('create', content);
    const values = [...this.#key('create', name), contentId, sealed, JSON.stringify(metadata)];
    const [row] = await this.#query<{ version: number }>(call, 'create', sql.CREATE, values);
    if (!row) throw builtinError('create', 'ALREADY_EXISTS', 'The built-in vault has an object of that name already.');
    return { version: String(row.version) };
  }

  async put(
    call: AdapterCall,
    name: string,
    content: VaultContent,
    condition: WriteCondition = {},
  ): Promise<WriteReceipt> {
    const { contentId, sealed } = this.#seal('put', content);
    const values = [...this.#key('put', name), contentId, sealed, this.at.maxVersions];
    const { expectedVersion } = condition;
    const isConditional = expectedVersion !== undefined;
    const rows = await this.#query<{ version: number }>(
      call,
      'put',
      isConditional ? sql.PUT_IF : sql.PUT,
      isConditional ? [...values, versionNumber(expectedVersion) ?? 0] : values,
    );
    if (!rows[0]) throw builtinError('put', 'VERSION_CONFLICT', 'Another version than the expected one is current.');
    return { version: String(rows[0].version) };
  }

  async read(call: AdapterCall, name: string, version?: BackendVersion): Promise<ReadResult> {
    const number = version === undefined ? null : (versionNumber(version) ?? 0);
    const values = [...this.#key('read', name), number, this.at.maxVersions];
    const [row] = await this.#query<ReadRow>(call, 'read', sql.READ, values);
    return this.#found('read', row);
  }

  async readMany(call: AdapterCall, names: readonly string[]): Promise<readonly ReadAnswer[]> {
    const { maxBulkRead = 0 } = this.#card;
    if (names.length > maxBulkRead)
      throw builtinError('readMany', 'UNSUPPORTED', `At most ${maxBulkRead} objects are read at once.`);
    const values = [this.at.storeId, this.at.mount, names.filter((name) => this.#isAllowed(name))];
    const rows = await this.#query<ReadRow & { name: string }>(call, 'readMany', sql.READ_MANY, values);
    const byName = new Map(rows.map((row) => [row.name, row]));
    return names.map((name) => {
      try {
        this.#key('readMany', name);
        return { name, found: this.#found('readMany', byName.get(name)) };
      } catch (error) {
        if (!isVaultError(error)) throw error;
        return { name, error };
      }
    });
  }

  async describe(call: AdapterCall, name: string, wanted: VersionsWanted = 'all'): Promise<ObjectDescription> {
    const values = [...this.#key('describe', name), wanted === 'all' ? this.at.maxVersions : 1];
    const rows = await this.#query<DescribeRow>(call, 'describe', sql.DESCRIBE, values);
    const [first] = rows;
    if (!first) throw notFound('describe');
    const versions = rows.map((row): BackendVersionInfo => ({
      version: String(row.version),
      state: stateOf(row),
      createdAt: row.created_at,
    }));
    return { currentVersion: String(first.current_version), versions, metadata: first.metadata };
  }

  async list(
    call: AdapterCall,
    query: { prefix: string; recursive: boolean; limit: number; cursor?: string },
  ): Promise<ListPage> {
    const after = query.cursor === undefined ? undefined : decodeListCursor(query.cursor);
    if (after === undefined && query.cursor !== undefined)
      throw builtinError('list', 'INVALID_NAME', 'The cursor is not one that this vault gave.');
    const { folder, from, end } = listingBounds(query.prefix, after);
    const statement = query.recursive ? sql.LIST_RECURSIVE : sql.LIST_LEVEL;
    const values = [this.at.storeId, this.at.mount, folder, from, end, query.limit + 1];
    const rows = await this.#query<{ child: string }>(call, 'list', statement, values);
    const names = rows.slice(0, query.limit).map((row) => row.child);
    const last = names.at(-1);
    return { names, cursor: rows.length > names.length && last !== undefined ? encodeListCursor(last) : undefined };
  }

  async setMetadata(call: AdapterCall, name: string, patch: Readonly<Record<string, string>>): Promise<void> {
    await this.#changeObject(call, 'setMetadata', name, sql.SET_METADATA, JSON.stringify(patch));
  }

  async softDelete(call: AdapterCall, name: string, versions: readonly BackendVersion[]): Promise<void> {
    await this.#changeObject(call, 'softDelete', name, sql.SOFT_DELETE, versionNumbers(versions));
  }

  async undelete(call: AdapterCall, name: string, versions: readonly BackendVersion[]): Promise<void> {
    await this.#changeObject(call, 'undelete', name, sql.UNDELETE, versionNumbers(versions));
  }

  async destroy(call: AdapterCall, name: string, versions: readonly BackendVersion[]): Promise<void> {
    await this.#changeObject(call, 'destroy', name, sql.DESTROY, versionNumbers(versions));
  }

  async purge(call: AdapterCall, name: string): Promise<void> {
    await this.#query(call, 'purge', sql.PURGE, this.#key('purge', name));
  }

  async #changeObject(
    call: AdapterCall,
    operation: AdapterOperation,
    name: string,
    statement: string,
    value: unknown,
  ): Promise<void> {
    const rows = await this.#query(call, operation, statement, [...this.#key(operation, name), value]);
    if (rows.length === 0) throw notFound(operation);
  }

  #found(operation: AdapterOperation, row: ReadRow | undefined): ReadResult {
    if (!row) throw notFound(operation);
    if (row.version === null)
      throw builtinError(operation, 'VERSION_NOT_FOUND', 'The object has no such version, or it was pruned.');
    const state = stateOf(row);
    if (state !== 'live')
      throw builtinError(operation, 'VERSION_UNAVAILABLE', `The version is ${state}.`, { details: { state } });
    const content = this.#open(operation, { contentId: row.content_id, sealed: row.content });
    return { content, version: String(row.version) };
  }

  #isAllowed(name: string): boolean {
    return Buffer.byteLength(name) <= this.#card.name.maxBytes && this.#namePattern.test(name);
  }

  #key(operation: AdapterOperation, name: string): [storeId: string, mount: string, name: string] {
    const { maxBytes, description } = this.#card.name;
    if (!this.#isAllowed(name))
      throw builtinError(operation, 'INVALID_NAME', `The name must be at most ${maxBytes} bytes long: ${description}.`);
    return [this.at.storeId, this.at.mount, name];
  }

  #seal(operation: AdapterOperation, content: VaultContent): StoredContent {
    const text = content.reveal();
    const { maxContentBytes } = this.#card;
    if (Buffer.byteLength(text) > maxContentBytes)
      throw builtinError(operation, 'TOO_LARGE', `The content is longer than ${maxContentBytes} bytes.`);
    if (!text.isWellFormed())
      throw builtinError(operation, 'INVALID_VALUE', 'The content is not well-formed Unicode (a lone surrogate).');
    try {
      return sealBuiltinContent(this.keyring, this.at.storeId, content);
    } catch {
      throw builtinError(operation, 'INTERNAL', 'The content cannot be sealed: the store has no data key.');
    }
  }

  #open(operation: AdapterOperation, stored: StoredContent): VaultContent {
    try {
      return openBuiltinContent(this.keyring, this.at.storeId, stored);
    } catch {
      throw builtinError(
        operation,
        'INTERNAL',
        'The stored content does not open: it was changed, or its key is gone.',
      );
    }
  }

  /** Runs a statement until it ends or the caller gives up; a statement that was sent is not taken back. */
  async #query<Row = unknown>(
    call: AdapterCall,
    operation: AdapterOperation,
    statement: string,
    values: readonly unknown[],
  ): Promise<readonly Row[]> {
    if (call.signal.aborted) throw cancelled(operation);
    const running = this.database
      .manager(this.#context(call))
      .query<Row[]>(statement, [...values])
      .catch((error: unknown) => {
        throw translateQueryError(operation, error);
      });
    const outcomeUnknown = ADAPTER_OPERATIONS[operation].mutates && call.transaction === undefined;
    return untilAborted(call.signal, running, () => cancelled(operation, outcomeUnknown));
  }

  #context(call: AdapterCall): RequestContext {
    const ctx = systemContext({ requestId: call.requestId, storeId: this.at.storeId, job: 'builtin-vault' });
    return call.transaction === undefined ? ctx : { ...ctx, transaction: call.transaction };
  }
}

function stateOf(row: Marks): VersionState {
  if (row.destroyed_at !== null) return 'destroyed';
  return row.deleted_at === null ? 'live' : 'deleted';
}

const VERSION = /^[1-9]\d{0,8}$/;

function versionNumber(version: BackendVersion): number | undefined {
  return VERSION.test(version) ? Number(version) : undefined;
}

function versionNumbers(versions: readonly BackendVersion[]): readonly number[] {
  return versions.flatMap((version) => versionNumber(version) ?? []);
}

function notFound(operation: AdapterOperation): Error {
  return builtinError(operation, 'NOT_FOUND', 'The built-in vault has no object of that name.');
}

function cancelled(operation: AdapterOperation, outcomeUnknown = false): Error {
  return builtinError(operation, 'CANCELLED', 'The caller gave up.', { outcomeUnknown });
}

async function untilAborted<T>(signal: AbortSignal, running: Promise<T>, giveUp: () => Error): Promise<T> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(giveUp());
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([running, aborted]);
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort);
    running.catch(() => undefined);
  }
}
