import type { VaultAdapter, VaultCapabilities } from '../contract/index.js';

/** A vault opened for one case. */
export type OpenedVault = {
  readonly adapter: VaultAdapter;
  /** An empty folder that the case has for itself; left out where the whole mount is empty. */
  readonly folder?: string;
  readonly cleanup?: () => Promise<void>;
};

type Open = () => Promise<OpenedVault>;

/**
 * Connects the conformance suite to one kind and flavour of vault. Two fields are required; each optional one makes
 * more cases run, and a case whose field is missing is reported as skipped, by name.
 *
 * @example
 * describeVaultAdapter('kv', {
 *   flavour: 'kv2',
 *   capabilities: KV2_CAPABILITIES,
 *   fresh: async () => ({ adapter, folder: `case-${++cases}` }),
 *   unreachable: async () => ({ adapter: connect({ address: 'http://127.0.0.1:9' }) }),
 * });
 */
export interface VaultHarness {
  readonly flavour: string;
  /** The card that the adapter must declare and live up to; decides at definition time which cases apply. */
  readonly capabilities: VaultCapabilities;
  /** Called once per case. A new folder in a shared mount is enough, and fast. */
  readonly fresh: Open;
  /** Where the capability cards are committed; left out where this run is not the one that proves the card. */
  readonly cardDirectory?: string;
  /** Strings of the credentials in use (tokens, passwords), which must not appear in any error. */
  readonly credentialTexts?: readonly string[];

  /** A vault that answers, to credentials that are wrong or revoked. */
  readonly withBadCredentials?: Open;
  /** Good credentials that may do nothing here. */
  readonly withoutPermission?: Open;
  readonly sealed?: Open;
  /** An address where nothing listens. */
  readonly unreachable?: Open;
  /** A vault, or a proxy before it, that answers every request with an error of its own (HTTP 500, an HTML page). */
  readonly failing?: Open;
  /** A vault that refuses every request for now (HTTP 429). */
  readonly throttled?: Open;
  /** What `throttled` announces as its waiting time, in milliseconds. */
  readonly throttledRetryAfterMs?: number;
  /** The server is there, the mount or project is not. */
  readonly missingMount?: Open;
  /** Takes every request and never answers; `reached` resolves once it has taken one. */
  readonly stalled?: () => Promise<OpenedVault & { readonly reached: Promise<void> }>;
  /** Takes every request and closes the connection instead of answering, so that nobody knows what became of it. */
  readonly losesAnswers?: Open;
  /**
   * Brings an object into the state that `create` leaves behind when its process is killed after the metadata and
   * before the content. Left out where creation is a single step.
   */
  readonly interruptCreate?: (vault: OpenedVault, name: string, metadata: Record<string, string>) => Promise<void>;
}

/** What a case may need besides `fresh`. */
export type HarnessHook = Exclude<keyof VaultHarness, 'flavour' | 'capabilities' | 'fresh' | 'cardDirectory'>;

/** The hooks that open a vault which refuses everything. */
export type BrokenState =
  'withBadCredentials' | 'withoutPermission' | 'sealed' | 'unreachable' | 'failing' | 'throttled' | 'missingMount';
