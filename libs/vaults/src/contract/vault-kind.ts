import type { SecretValue } from '@claviger/kernel';
import type { z } from 'zod';
import type { AdapterCall, VaultAdapter } from './vault-adapter.js';
import type { VaultCapabilities } from './capabilities.js';

/** The answer to "can I use this vault?", for a person. */
export const CHECK_STATUSES = [
  'ready',
  'sealed',
  'unreachable',
  'unauthenticated',
  'no_permission',
  'misconfigured',
] as const;
export type CheckStatus = (typeof CHECK_STATUSES)[number];

export type VaultCheck = {
  readonly status: CheckStatus;
  /** What was found and, unless ready, what to do; one sentence. */
  readonly message: string;
  readonly latencyMs: number;
  /** For example `openbao` or `vault`. */
  readonly product?: string;
  readonly version?: string;
  /** Names the server behind the address, so that two addresses of one server are told as one. */
  readonly serverIdentity?: string;
  /** Only when a mount was checked and reached. */
  readonly capabilities?: VaultCapabilities;
  /** Only when a mount was checked: the flavour in force, for example `kv2`. */
  readonly flavour?: string;
};

/** A registered vault as its kind needs it: parsed configuration and opened credentials. */
export type InstanceSettings<Config = unknown, Credentials = unknown> = {
  /** The secret store that the instance belongs to. */
  readonly storeId: string;
  readonly id: string;
  readonly name: string;
  readonly config: Config;
  readonly credentials: SecretValue<Credentials>;
};

/** Where in a vault a profile lives. */
export type MountSettings = {
  /** Empty only where {@link VaultKind.isMountOptional}. */
  readonly mount: string;
  /** One of the kind's flavours, or `auto`. */
  readonly flavour: string;
  /** Folder that all names begin with: asked about, where the server is asked what the credentials may do. */
  readonly prefix?: string;
};

/** A live connection to one vault instance; holds its login and its sockets. Used by all profiles of the instance. */
export interface VaultConnection {
  /** Names the server (cluster id where it has one, else its address). @throws VaultError when it cannot be asked */
  serverIdentity(call: AdapterCall): Promise<string>;
  /** Checks the instance, or one mount of it. Never throws: every failure is a status. */
  check(call: AdapterCall, mount?: MountSettings): Promise<VaultCheck>;
  open(mount: MountSettings): VaultAdapter;
  /**
   * The one text for an object of this server, whichever way its settings spell the path: two instances and profiles
   * that reach the same object give the same text, different objects give different ones. For example
   * `<namespace>/<mount>/<name>`. Asks nobody.
   */
  canonicalPlace(mount: string, name: string): string;
  close(): Promise<void>;
}

/** One kind of vault: what its settings look like and how to connect. Registered once per process. */
export interface VaultKind<Config = unknown, Credentials = unknown> {
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly configSchema: z.ZodType<Config>;
  readonly credentialsSchema: z.ZodType<Credentials>;
  /** Flavours of a mount besides `auto`, for example `kv1` and `kv2`; empty where there is only one. */
  readonly flavours: readonly string[];
  /** True where a mount is nothing but what names begin with, so that there may be none: it may be empty. */
  readonly isMountOptional?: boolean;
  /** Top-level configuration fields whose change needs the credentials again, because it changes who receives them. */
  readonly credentialBoundFields: readonly (keyof Config & string)[];
  /** Whether instances of this kind are reached over the network, and so are wrapped with time-outs, retries and limits. */
  readonly remote: boolean;
  connect(settings: InstanceSettings<Config, Credentials>): VaultConnection;
}

/** Nest injection token of the list of registered {@link VaultKind}s. */
export const VAULT_KINDS = Symbol('VAULT_KINDS');
