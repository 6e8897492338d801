import type { SecretValue, TraceParent, Transaction } from '@claviger/kernel';
import type { VaultCapabilities } from './capabilities.js';
import type { VaultError } from './vault-error.js';

/** What every call to a vault carries. */
export type AdapterCall = {
  readonly requestId: string;
  /** Aborts the call: the caller gave up, or its deadline passed. */
  readonly signal: AbortSignal;
  /**
   * The same for repetitions of one logical write, and for nothing else. A backend with idempotency tokens makes such a
   * write once and gives its receipt again; with other content it is IDEMPOTENCY_CONFLICT.
   */
  readonly idempotencyKey?: string;
  /** The caller's open transaction; only the built-in vault takes part in it. */
  readonly transaction?: Transaction;
  /** Ids of the Claviger installations that the request being served came through (the hop header). */
  readonly hops?: readonly string[];
  /** Where it stands in a trace. */
  readonly trace?: TraceParent;
};

/** A backend's own name for a version, opaque to callers. Undefined where the backend keeps no versions. */
export type BackendVersion = string;

/** Content is one JSON object as text; its numbers keep their digits. */
export type VaultContent = SecretValue<string>;

export type WriteReceipt = {
  readonly version: BackendVersion | undefined;
};

export type ReadResult = {
  readonly content: VaultContent;
  readonly version: BackendVersion | undefined;
};

/** What a bulk read found under one name, or why it found nothing there. */
export type ReadAnswer =
  | { readonly name: string; readonly found: ReadResult; readonly error?: never }
  | { readonly name: string; readonly error: VaultError; readonly found?: never };

export type VersionState = 'live' | 'deleted' | 'destroyed';

export type BackendVersionInfo = {
  readonly version: BackendVersion;
  readonly state: VersionState;
  readonly createdAt: Date | undefined;
};

export type ObjectDescription = {
  /** The newest version, live or not. Undefined where the backend keeps no versions or none was written yet. */
  readonly currentVersion: BackendVersion | undefined;
  /** Ascending; empty where the backend keeps no versions. */
  readonly versions: readonly BackendVersionInfo[];
  /** Custom metadata beside the content; empty where the backend has none. */
  readonly metadata: Readonly<Record<string, string>>;
};

/** Which versions a description is to list. */
export type VersionsWanted = 'all' | 'current';

export type ListQuery = {
  readonly prefix: string;
  readonly recursive: boolean;
  readonly limit: number;
  readonly cursor?: string;
  /**
   * For who goes through all names below a folder: pages need not follow one another in order, which spares a vault that
   * lists in an order of its own to go through all names for each page. Only with `recursive`, and for all pages or none.
   */
  readonly order?: 'any';
};

export type ListPage = {
  /** Names relative to the prefix asked for; folders end in `/` (never when recursive). Sorted. */
  readonly names: readonly string[];
  readonly cursor: string | undefined;
};

/** What a write expects to find: that version as the current one. Undefined: whatever is there. */
export type WriteCondition = { readonly expectedVersion?: BackendVersion };

/**
 * One mount of one vault, behind the same promises for every backend. Names are physical names (prefix included, not
 * encoded). Every method throws only `VaultError`; none retries, times out or limits by itself (the wrappers do), and
 * each gives up with `CANCELLED` when the call's signal aborts.
 */
export interface VaultAdapter {
  readonly kind: string;

  /** The card of this mount. May ask the server once, to detect a flavour. */
  capabilities(call: AdapterCall): Promise<VaultCapabilities>;

  /**
   * Writes the first version of an object that must not exist. `metadata` is stored before or with the content, so that
   * an object never carries our content without our marker. Resumes its own interrupted creation: an object that has
   * exactly this metadata and no content counts as absent. An object that waits for its deletion is brought back, and
   * gets this metadata and content, when it carries all of `reclaim`, of which there must be some.
   * @throws ALREADY_EXISTS, PENDING_DELETION, IDEMPOTENCY_CONFLICT
   */
  create(
    call: AdapterCall,
    name: string,
    content: VaultContent,
    metadata?: Readonly<Record<string, string>>,
    reclaim?: Readonly<Record<string, string>>,
  ): Promise<WriteReceipt>;

  /**
   * Writes a new version, or replaces the content where there are no versions. Without a condition it also creates.
   * Metadata is kept.
   * @throws VERSION_CONFLICT when the condition does not hold; UNSUPPORTED for a condition without compareAndSet;
   * PENDING_DELETION, IDEMPOTENCY_CONFLICT
   */
  put(call: AdapterCall, name: string, content: VaultContent, condition?: WriteCondition): Promise<WriteReceipt>;

  /**
   * The content of a version, or of the current one.
   * @throws NOT_FOUND, VERSION_NOT_FOUND, VERSION_UNAVAILABLE; INVALID_VALUE with `details.version` for what is no
   * content: bytes, or a text that is no JSON object
   */
  read(call: AdapterCall, name: string, version?: BackendVersion): Promise<ReadResult>;

  /**
   * The current contents of several objects: for each name what `read` would give or throw, in the order of the names.
   * What is wrong with one of them is the error of its answer (`isAboutOneObject`); anything else rejects.
   * Callers use `readObjects`, which knows what to do where there are more names, or no bulk reads.
   * @throws UNSUPPORTED for more names than `maxBulkRead`, and for any where that is undefined; PERMISSION_DENIED also
   * where objects may be read one at a time
   */
  readMany(call: AdapterCall, names: readonly string[]): Promise<readonly ReadAnswer[]>;

  /**
   * All but the content. Who needs the current version only says so, which spares some vaults a request: then no others
   * need be among `versions`, nor its time. @throws NOT_FOUND
   */
  describe(call: AdapterCall, name: string, versions?: VersionsWanted): Promise<ObjectDescription>;

  /** Names below a folder (`''` is the root), a page at a time; an empty or unknown folder is an empty page. */
  list(call: AdapterCall, query: ListQuery): Promise<ListPage>;

  /** Sets these keys and leaves the others. @throws NOT_FOUND, UNSUPPORTED */
  setMetadata(call: AdapterCall, name: string, patch: Readonly<Record<string, string>>): Promise<void>;

  /** Hides versions; what is hidden, destroyed or unknown already is left as it is. @throws NOT_FOUND, UNSUPPORTED */
  softDelete(call: AdapterCall, name: string, versions: readonly BackendVersion[]): Promise<void>;

  /** Brings hidden versions back; destroyed ones stay destroyed. @throws NOT_FOUND, UNSUPPORTED */
  undelete(call: AdapterCall, name: string, versions: readonly BackendVersion[]): Promise<void>;

  /** Erases the content of versions for good. @throws NOT_FOUND, UNSUPPORTED */
  destroy(call: AdapterCall, name: string, versions: readonly BackendVersion[]): Promise<void>;

  /**
   * Removes the object with all its versions and metadata; where `immediatePurge` is false, schedules that. Removing
   * what is absent succeeds.
   */
  purge(call: AdapterCall, name: string): Promise<void>;
}

/** The operations of an adapter as data, for wrappers: which change something, and which may be repeated blindly. */
export const ADAPTER_OPERATIONS = {
  capabilities: { mutates: false, repeatable: true },
  create: { mutates: true, repeatable: false },
  put: { mutates: true, repeatable: false },
  read: { mutates: false, repeatable: true },
  readMany: { mutates: false, repeatable: true },
  describe: { mutates: false, repeatable: true },
  list: { mutates: false, repeatable: true },
  setMetadata: { mutates: true, repeatable: true },
  softDelete: { mutates: true, repeatable: true },
  undelete: { mutates: true, repeatable: true },
  destroy: { mutates: true, repeatable: true },
  purge: { mutates: true, repeatable: true },
} as const satisfies Record<Exclude<keyof VaultAdapter, 'kind'>, { mutates: boolean; repeatable: boolean }>;

export type AdapterOperation = keyof typeof ADAPTER_OPERATIONS;
