import { SecretValue, type Clock } from '@claviger/kernel';
import {
  findInexactNumber,
  parseContent,
  VaultError,
  type AdapterCall,
  type AdapterOperation,
  type BackendVersion,
  type ListPage,
  type ObjectDescription,
  type ReadAnswer,
  type ReadResult,
  type VaultAdapter,
  type VaultCapabilities,
  type VaultContent,
  type VaultErrorCode,
  type VersionState,
  type VersionsWanted,
  type WriteCondition,
  type WriteReceipt,
} from '../contract/index.js';
import { compareNames, namesBelow } from './name-order.js';
import { REFERENCE_CAPABILITIES } from './reference-capabilities.js';
import { isAllowedName } from './requirement.js';

export type ReferenceVersion = {
  readonly number: number;
  /** The JSON text; undefined once destroyed. */
  readonly text: string | undefined;
  readonly state: VersionState;
  readonly createdAt: Date;
};

/** One object. Immutable, so that a snapshot is a copy of the map only. Without versions: a creation was interrupted. */
export type ReferenceObject = {
  readonly metadata: Readonly<Record<string, string>>;
  readonly versions: readonly ReferenceVersion[];
  readonly lastNumber: number;
  /** It waits for its deletion and counts as absent. */
  readonly isWaiting?: boolean;
};

export type ReferenceState = ReadonlyMap<string, ReferenceObject>;

const EMPTY: ReferenceObject = { metadata: {}, versions: [], lastNumber: 0 };

/**
 * The contract in memory, with the capabilities asked for: the truth that the conformance suite is checked against and
 * the vault of model tests. Deterministic: every operation takes effect one microtask after its call, and so
 * concurrent calls take effect in the order in which they were made. Numbers of versions start at 1 again after a
 * purge, as they do in OpenBao. It never fails on its own; a wrapper makes it fail.
 */
export class ReferenceAdapter implements VaultAdapter {
  readonly kind: string;
  readonly #card: VaultCapabilities;
  readonly #clock: Pick<Clock, 'now'>;
  #objects = new Map<string, ReferenceObject>();

  constructor(options: { kind?: string; capabilities?: Partial<VaultCapabilities>; clock?: Pick<Clock, 'now'> } = {}) {
    this.kind = options.kind ?? 'reference';
    this.#card = { ...REFERENCE_CAPABILITIES, ...options.capabilities };
    this.#clock = options.clock ?? { now: () => new Date(0) };
  }

  /** Everything stored now; later writes do not change it. */
  snapshot(): ReferenceState {
    return new Map(this.#objects);
  }

  /** Replaces everything stored, as restoring a backup does. */
  restore(state: ReferenceState): void {
    this.#objects = new Map(state);
  }

  async capabilities(): Promise<VaultCapabilities> {
    return this.#card;
  }

  async create(
    call: AdapterCall,
    name: string,
    content: VaultContent,
    metadata: Readonly<Record<string, string>> = {},
    reclaim: Readonly<Record<string, string>> = {},
  ): Promise<WriteReceipt> {
    const text = await this.#arrive(call, 'create', name, content);
    if (Object.keys(metadata).length > 0) this.#require('metadata', 'create');
    const present = this.#objects.get(name);
    if (present?.isWaiting && isCarried(reclaim, present)) return this.#append(name, brought(present, metadata), text);
    this.#refuseWaiting(present, 'create');
    const isResumed = present?.versions.length === 0 && sameMetadata(present.metadata, metadata);
    if (present && !isResumed) throw this.#error('ALREADY_EXISTS', 'create');
    return this.#append(name, { ...EMPTY, metadata: { ...metadata } }, text);
  }

  async put(
    call: AdapterCall,
    name: string,
    content: VaultContent,
    condition: WriteCondition = {},
  ): Promise<WriteReceipt> {
    const text = await this.#arrive(call, 'put', name, content);
    const present = this.#objects.get(name) ?? EMPTY;
    this.#refuseWaiting(present, 'put');
    if (condition.expectedVersion !== undefined) {
      this.#require('compareAndSet', 'put');
      const current = present.versions.at(-1);
      if (current === undefined || String(current.number) !== condition.expectedVersion) {
        throw this.#error('VERSION_CONFLICT', 'put');
      }
    }
    return this.#append(name, present, text);
  }

  async read(call: AdapterCall, name: string, version?: BackendVersion): Promise<ReadResult> {
    await this.#arrive(call, 'read', name);
    if (version !== undefined) this.#require('versionedReads', 'read');
    return this.#read(name, version);
  }

  async readMany(call: AdapterCall, names: readonly string[]): Promise<readonly ReadAnswer[]> {
    await this.#arrive(call, 'readMany');
    const { maxBulkRead } = this.#card;
    if (maxBulkRead === undefined || names.length > maxBulkRead) throw this.#error('UNSUPPORTED', 'readMany');
    return names.map((name) => {
      try {
        if (!isAllowedName(this.#card, name)) throw this.#error('INVALID_NAME', 'readMany');
        return { name, found: this.#read(name) };
      } catch (error) {
        return { name, error: error as VaultError };
      }
    });
  }

  async describe(call: AdapterCall, name: string, wanted: VersionsWanted = 'all'): Promise<ObjectDescription> {
    await this.#arrive(call, 'describe', name);
    const { versions, metadata } = this.#get(name, 'describe');
    const shown = !this.#card.versionedReads ? [] : wanted === 'all' ? versions : versions.slice(-1);
    const current = versions.at(-1);
    return {
      currentVersion: current && this.#idOf(current),
      versions: shown.map(({ number, state, createdAt }) => ({ version: String(number), state, createdAt })),
      metadata,
    };
  }

  async list(
    call: AdapterCall,
    query: { prefix: string; recursive: boolean; limit: number; cursor?: string },
  ): Promise<ListPage> {
    await this.#arrive(call, 'list');
    const { prefix, recursive, limit, cursor } = query;
    const all = namesBelow(this.#present(), prefix, recursive);
    const rest = cursor === undefined ? all : all.filter((name) => compareNames(name, cursor) > 0);
    const names = rest.slice(0, limit);
    return { names, cursor: rest.length > names.length ? names.at(-1) : undefined };
  }

  async setMetadata(call: AdapterCall, name: string, patch: Readonly<Record<string, string>>): Promise<void> {
    await this.#arrive(call, 'setMetadata', name);
    this.#require('metadata', 'setMetadata');
    const present = this.#get(name, 'setMetadata');
    this.#objects.set(name, { ...present, metadata: { ...present.metadata, ...patch } });
  }

  async softDelete(call: AdapterCall, name: string, versions: readonly BackendVersion[]): Promise<void> {
    await this.#arrive(call, 'softDelete', name);
    this.#require('softDelete', 'softDelete');
    this.#change('softDelete', name, versions, (one) => (one.state === 'live' ? { ...one, state: 'deleted' } : one));
  }

  async undelete(call: AdapterCall, name: string, versions: readonly BackendVersion[]): Promise<void> {
    await this.#arrive(call, 'undelete', name);
    this.#require('softDelete', 'undelete');
    this.#change('undelete', name, versions, (one) => (one.state === 'deleted' ? { ...one, state: 'live' } : one));
  }

  async destroy(call: AdapterCall, name: string, versions: readonly BackendVersion[]): Promise<void> {
    await this.#arrive(call, 'destroy', name);
    this.#require('destroyVersion', 'destroy');
    this.#change('destroy', name, versions, (one) => ({ ...one, state: 'destroyed', text: undefined }));
  }

  async purge(call: AdapterCall, name: string): Promise<void> {
    await this.#arrive(call, 'purge', name);
    const present = this.#objects.get(name);
    if (present && !this.#card.immediatePurge) this.#objects.set(name, { ...present, isWaiting: true });
    else this.#objects.delete(name);
  }

  #read(name: string, version?: BackendVersion): ReadResult {
    const { versions } = this.#get(name, 'read');
    if (versions.length === 0) throw this.#error('NOT_FOUND', 'read');
    const found = version === undefined ? versions.at(-1) : versions.find((one) => String(one.number) === version);
    if (found === undefined) throw this.#error('VERSION_NOT_FOUND', 'read');
    if (found.text === undefined || found.state !== 'live') {
      throw this.#error('VERSION_UNAVAILABLE', 'read', { state: found.state });
    }
    return { content: new SecretValue(found.text), version: this.#idOf(found) };
  }

  #present(): readonly string[] {
    return [...this.#objects].filter(([, object]) => !object.isWaiting).map(([name]) => name);
  }

  #refuseWaiting(present: ReferenceObject | undefined, operation: AdapterOperation): void {
    if (present?.isWaiting) throw this.#error('PENDING_DELETION', operation);
  }

  /** The checks that come before the wire, and the moment on the wire. Gives the content as the backend would keep it. */
  async #arrive(
    call: AdapterCall,
    operation: AdapterOperation,
    name?: string,
    content?: VaultContent,
  ): Promise<string> {
    if (call.signal.aborted) throw this.#error('CANCELLED', operation);
    if (name !== undefined && !isAllowedName(this.#card, name)) throw this.#error('INVALID_NAME', operation);
    const kept = content === undefined ? '' : this.#accept(content.reveal(), operation);
    await Promise.resolve();
    if (call.signal.aborted) throw this.#error('CANCELLED', operation);
    return kept;
  }

  #accept(text: string, operation: AdapterOperation): string {
    if (Buffer.byteLength(text) > this.#card.maxContentBytes) throw this.#error('TOO_LARGE', operation);
    if (this.#card.exactNumbers) return text;
    const pointer = findInexactNumber(parseContent(text, this.#card.maxContentBytes));
    if (pointer !== undefined) throw this.#error('INVALID_VALUE', operation, { pointer });
    return JSON.stringify(JSON.parse(text));
  }

  #append(name: string, present: ReferenceObject, text: string): WriteReceipt {
    const number = present.lastNumber + 1;
    const version: ReferenceVersion = { number, text, state: 'live', createdAt: this.#clock.now() };
    const kept = this.#card.versionedReads ? (this.#card.maxVersions ?? Infinity) : 1;
    const versions = [...present.versions, version];
    this.#objects.set(name, {
      ...present,
      lastNumber: number,
      versions: versions.slice(Math.max(0, versions.length - kept)),
    });
    return { version: this.#idOf(version) };
  }

  #change(
    operation: AdapterOperation,
    name: string,
    versions: readonly BackendVersion[],
    change: (version: ReferenceVersion) => ReferenceVersion,
  ): void {
    const present = this.#get(name, operation);
    const changed = present.versions.map((one) => (versions.includes(String(one.number)) ? change(one) : one));
    this.#objects.set(name, { ...present, versions: changed });
  }

  #get(name: string, operation: AdapterOperation): ReferenceObject {
    const present = this.#objects.get(name);
    if (present === undefined || present.isWaiting) throw this.#error('NOT_FOUND', operation);
    return present;
  }

  #idOf(version: ReferenceVersion): BackendVersion | undefined {
    return this.#card.versionedReads || this.#card.compareAndSet ? String(version.number) : undefined;
  }

  #require(
    capability: 'metadata' | 'compareAndSet' | 'versionedReads' | 'softDelete' | 'destroyVersion',
    operation: AdapterOperation,
  ): void {
    if (!this.#card[capability]) throw this.#error('UNSUPPORTED', operation);
  }

  #error(code: VaultErrorCode, operation: AdapterOperation, details?: Readonly<Record<string, string>>): VaultError {
    const message = `The reference vault answers ${operation} with ${code}.`;
    return new VaultError({ code, message, backend: this.kind, operation, ...(details ? { details } : {}) });
  }
}

/** True when the object carries all of what it is claimed back by, and there is some. */
function isCarried(reclaim: Readonly<Record<string, string>>, present: ReferenceObject): boolean {
  const keys = Object.keys(reclaim);
  return keys.length > 0 && keys.every((key) => present.metadata[key] === reclaim[key]);
}

function brought(present: ReferenceObject, metadata: Readonly<Record<string, string>>): ReferenceObject {
  return { ...present, isWaiting: false, metadata: { ...present.metadata, ...metadata } };
}

function sameMetadata(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
