import type { SecretValue } from '@claviger/kernel';
import nodeVault from 'node-vault';
import { cancelled, wireError } from './kv.wire-errors.js';
import type { Transport, TransportOptions } from './kv.transport.js';
import type { KvAnswer, KvRequest, KvTask } from './kv.wire.js';

/** node-vault on our own transport, with every way closed by which it reads the environment, logs or rewrites paths. */
export class KvClient {
  readonly #vault: nodeVault.client;
  readonly #namespace: string | undefined;

  constructor(init: {
    readonly address: string;
    readonly namespace?: string | undefined;
    readonly transport: Transport;
  }) {
    this.#namespace = init.namespace;
    this.#vault = nodeVault({
      endpoint: init.address,
      apiVersion: 'v1',
      'request-promise': { defaults: () => init.transport },
      // Its own debug writes request bodies to standard error under DEBUG=node-vault.
      debug: () => undefined,
      // No generated commands: they render names into paths as HTML templates.
      commands: {},
      mustache: {
        render: () => {
          throw new Error('paths are not rendered');
        },
      },
    });
    // Empty options fall back to VAULT_TOKEN, VAULT_NAMESPACE and VAULT_PREFIX; what is set afterwards does not. Token
    // and namespace travel with each request instead, so that a request always has the token that it was made with.
    Object.assign(this.#vault, { token: '', namespace: '', pathPrefix: '' });
  }

  /**
   * Sends one request and gives the answer, whatever its status.
   * @throws VaultError CANCELLED, UNAVAILABLE, MISCONFIGURED, ADDRESS_DENIED, TOO_LARGE
   */
  async send(task: KvTask, request: KvRequest, token?: SecretValue<string>): Promise<KvAnswer> {
    if (task.call.signal.aborted) throw cancelled(task, false);
    const query = request.query === undefined ? '' : `?${new URLSearchParams(request.query).toString()}`;
    const options: Omit<TransportOptions, 'uri'> & { readonly path: string } = {
      method: request.method,
      path: `/${request.path}${query}`,
      headers: this.#headers(request, token),
      task,
      ...(request.body === undefined ? {} : { body: request.body }),
    };
    try {
      return (await this.#vault.request(options)) as KvAnswer;
    } catch (error) {
      throw wireError(task, error, request.mutates === true);
    }
  }

  #headers(request: KvRequest, token: SecretValue<string> | undefined): Record<string, string> {
    return {
      Accept: 'application/json',
      'User-Agent': 'claviger',
      'X-Vault-Request': 'true',
      ...(request.body === undefined ? {} : { 'Content-Type': CONTENT_TYPES[request.method] }),
      ...(token === undefined ? {} : { 'X-Vault-Token': token.reveal() }),
      ...(this.#namespace === undefined || request.namespaced === false
        ? {}
        : { 'X-Vault-Namespace': this.#namespace }),
    };
  }
}

const CONTENT_TYPES = {
  GET: 'application/json',
  POST: 'application/json',
  DELETE: 'application/json',
  PATCH: 'application/merge-patch+json',
} as const satisfies Record<KvRequest['method'], string>;
