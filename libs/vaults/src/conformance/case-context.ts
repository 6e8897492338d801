import { setMaxListeners } from 'node:events';
import { newId, SecretValue } from '@claviger/kernel';
import type {
  AdapterCall,
  BackendVersion,
  ListPage,
  ListQuery,
  ObjectDescription,
  VaultAdapter,
  VaultCapabilities,
  VaultErrorCode,
  VersionsWanted,
  WriteReceipt,
} from '../contract/index.js';
import type { OpenedVault, VaultHarness } from './vault-harness.js';

/** A content as the cases handle it: opened, because they compare it. */
export type OpenedContent = { readonly text: string; readonly version: BackendVersion | undefined };

/** One answer of a bulk read, opened. */
export type OpenedAnswer =
  ({ readonly name: string } & OpenedContent) | { readonly name: string; readonly code: VaultErrorCode };

/**
 * What a conformance case works with: the adapter behind short methods that take names relative to the case's own
 * folder and contents as JSON text. Every call is one fresh `AdapterCall` unless an own signal is given.
 */
export class CaseContext {
  readonly adapter: VaultAdapter;
  readonly card: VaultCapabilities;
  readonly #patient = new AbortController().signal;

  constructor(
    readonly kind: string,
    readonly harness: VaultHarness,
    readonly vault: OpenedVault,
  ) {
    this.adapter = vault.adapter;
    this.card = harness.capabilities;
    // Shared by the racing calls of a case, which are more than Node expects of one signal.
    setMaxListeners(0, this.#patient);
  }

  /** What an adapter call carries; with a signal of the case's own where cancellation is the subject. */
  call(signal: AbortSignal = this.#patient): AdapterCall {
    return { requestId: newId(), signal };
  }

  /** The physical name of an object in the case's folder. */
  path(name: string): string {
    const folder = this.vault.folder;
    if (!folder) return name;
    return name === '' ? folder : `${folder}/${name}`;
  }

  create(
    name: string,
    text: string,
    metadata?: Record<string, string>,
    reclaim?: Record<string, string>,
  ): Promise<WriteReceipt> {
    return this.adapter.create(this.call(), this.path(name), new SecretValue(text), metadata, reclaim);
  }

  put(name: string, text: string, expectedVersion?: BackendVersion): Promise<WriteReceipt> {
    const condition = expectedVersion === undefined ? undefined : { expectedVersion };
    return this.adapter.put(this.call(), this.path(name), new SecretValue(text), condition);
  }

  async read(name: string, version?: BackendVersion): Promise<OpenedContent> {
    const result = await this.adapter.read(this.call(), this.path(name), version);
    return { text: result.content.reveal(), version: result.version };
  }

  /** What a bulk read gives, in its order; checks that the answers are named. */
  async readMany(...names: readonly string[]): Promise<readonly OpenedAnswer[]> {
    const asked = names.map((name) => this.path(name));
    const answers = await this.adapter.readMany(this.call(), asked);
    const shown = (name: string): string => names[asked.indexOf(name)] ?? name;
    return answers.map(({ name, found, error }) =>
      error === undefined
        ? { name: shown(name), text: found.content.reveal(), version: found.version }
        : { name: shown(name), code: error.vaultCode },
    );
  }

  describe(name: string, versions?: VersionsWanted): Promise<ObjectDescription> {
    return this.adapter.describe(this.call(), this.path(name), versions);
  }

  /** One page below a folder of the case. */
  page(query: Partial<Omit<ListQuery, 'prefix'>> & { readonly folder?: string }): Promise<ListPage> {
    const { folder = '', recursive = false, limit = 1000, cursor, order } = query;
    return this.adapter.list(this.call(), {
      prefix: this.path(folder),
      recursive,
      limit,
      ...(cursor === undefined ? {} : { cursor }),
      ...(order === undefined ? {} : { order }),
    });
  }

  /** The names of all pages, in the order in which they came. */
  async list(folder = '', options: { recursive?: boolean; limit?: number } = {}): Promise<readonly string[]> {
    const names: string[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < 200; pages++) {
      const page: ListPage = await this.page({ folder, ...options, ...(cursor === undefined ? {} : { cursor }) });
      names.push(...page.names);
      if (page.cursor === undefined) return names;
      cursor = page.cursor;
    }
    throw new Error('The list gives a cursor for ever.');
  }

  setMetadata(name: string, patch: Record<string, string>): Promise<void> {
    return this.adapter.setMetadata(this.call(), this.path(name), patch);
  }

  softDelete(name: string, ...versions: readonly (BackendVersion | undefined)[]): Promise<void> {
    return this.adapter.softDelete(this.call(), this.path(name), versions.map(known));
  }

  undelete(name: string, ...versions: readonly (BackendVersion | undefined)[]): Promise<void> {
    return this.adapter.undelete(this.call(), this.path(name), versions.map(known));
  }

  destroy(name: string, ...versions: readonly (BackendVersion | undefined)[]): Promise<void> {
    return this.adapter.destroy(this.call(), this.path(name), versions.map(known));
  }

  purge(name: string): Promise<void> {
    return this.adapter.purge(this.call(), this.path(name));
  }
}

/** The id that a receipt of a versioned backend must carry. */
export function known(version: BackendVersion | undefined): BackendVersion {
  if (version === undefined) throw new Error('The write gave no version, although the card promises versions.');
  return version;
}
