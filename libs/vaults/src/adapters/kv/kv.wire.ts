import type { SecretValue } from '@claviger/kernel';
import type { AdapterCall } from '@claviger/vaults/contract';

/** What a request is made for: who waits for it, and how its errors name it. */
export type KvTask = {
  readonly call: AdapterCall;
  /** Of the contract (`read`), or `login`, `renew`, `check`, `detect`. */
  readonly operation: string;
  /** The thing in words, for messages: `"a/b" in mount "kv"`, `mount "kv"`, `https://vault.example`. Never a value. */
  readonly subject: string;
};

export type KvRequest = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/v1/`, encoded ({@link vaultPath}). */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: SecretValue<string>;
  /** True when the server's state may differ afterwards, so that a lost answer leaves the outcome open. */
  readonly mutates?: boolean;
  /** False for the few routes that exist only outside of namespaces (sys/health). */
  readonly namespaced?: boolean;
};

/** An answer received whole, whatever its status. */
export type KvAnswer = {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: SecretValue<string>;
};
