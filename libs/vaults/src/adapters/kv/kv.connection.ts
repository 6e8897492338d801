import type { Clock } from '@claviger/kernel';
import {
  VaultError,
  type AdapterCall,
  type InstanceSettings,
  type MountSettings,
  type VaultCheck,
  type VaultConnection,
} from '@claviger/vaults/contract';
import { createPinnedDispatcher, type NetworkPolicy } from '@claviger/vaults/network';
import type { Dispatcher } from 'undici';
import { KvAdapter } from './kv.adapter.js';
import { checkVault } from './kv.check.js';
import { KvClient } from './kv.client.js';
import type { KvMount } from './kv.engine.js';
import { askServer, identityOf } from './kv.server.js';
import { isRefusal, KvSession } from './kv.session.js';
import type { KvConfig, KvCredentials } from './kv.settings.js';
import { createTransport } from './kv.transport.js';
import type { KvAnswer, KvRequest, KvTask } from './kv.wire.js';
import { grantedOn } from './kv2.card.js';

/** The largest answer read: several times the largest content, and tens of thousands of names in one folder. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

export type KvConnectionInit = {
  readonly settings: InstanceSettings<KvConfig, KvCredentials>;
  readonly installationId: string;
  readonly networkPolicy: NetworkPolicy;
  readonly clock: Clock;
};

/** One OpenBao or Vault server with one login, in one namespace. */
export class KvConnection implements VaultConnection {
  readonly #config: KvConfig;
  readonly #dispatcher: Dispatcher;
  readonly #client: KvClient;
  readonly #session: KvSession;

  /** @throws VaultError MISCONFIGURED when certificate and key cannot be loaded */
  constructor({ settings, installationId, networkPolicy, clock }: KvConnectionInit) {
    this.#config = settings.config;
    this.#dispatcher = dispatcherFor(settings, networkPolicy);
    const transport = createTransport({
      dispatcher: this.#dispatcher,
      installationId,
      redirects: { address: new URL(settings.config.address), hosts: settings.config.redirectHosts ?? [] },
    });
    const { address, namespace } = settings.config;
    this.#client = new KvClient({ address, namespace, transport });
    this.#session = new KvSession({ client: this.#client, credentials: settings.credentials, clock, address });
  }

  async serverIdentity(call: AdapterCall): Promise<string> {
    const task: KvTask = { call, operation: 'serverIdentity', subject: this.#config.address };
    return identityOf(await askServer(this.#client, task), this.#config.address, task);
  }

  check(call: AdapterCall, mount?: MountSettings): Promise<VaultCheck> {
    const kvMount = mount && this.#mount(mount);
    return checkVault(call, {
      address: this.#config.address,
      askServer: (task) => askServer(this.#client, task),
      logIn: async (task) => {
        // A token at hand was good when it was used last; whether it still is, only the server knows.
        await this.#session.replace(task, await this.#session.grant(task, { insist: true }), mount?.mount);
      },
      adapter: mount && kvMount && new KvAdapter(kvMount, mount),
      granted: (task, flavour) => grantedOn(kvMount!, task, ...(flavour === 'kv2' ? ['data'] : [])),
    });
  }

  open(mount: MountSettings): KvAdapter {
    return new KvAdapter(this.#mount(mount), mount);
  }

  /** OpenBao reads a namespace and the mount in it as one path, so that both spellings of it are one place. */
  canonicalPlace(mount: string, name: string): string {
    return [this.#config.namespace ?? '', mount]
      .map((part) => part.replace(/^\/+|\/+$/g, ''))
      .concat(name)
      .filter((part) => part !== '')
      .join('/');
  }

  async close(): Promise<void> {
    await this.#session.close();
    await this.#dispatcher.destroy();
  }

  #mount({ mount, prefix }: MountSettings): KvMount {
    return { mount, prefix, send: (task, request) => this.#send(task, request, mount) };
  }

  /** Sends with the session's token, and once more with a new one when the server does not take it any more. */
  async #send(task: KvTask, request: KvRequest, mount: string): Promise<KvAnswer> {
    const grant = await this.#session.grant(task);
    const answer = await this.#client.send(task, request, grant.token);
    if (!isRefusal(answer)) {
      if (answer.status < 400) this.#session.succeeded();
      return answer;
    }
    const replacement = await this.#session.replace(task, grant, mount);
    return replacement ? this.#client.send(task, request, replacement.token) : answer;
  }
}

function dispatcherFor(
  { name, config, credentials }: InstanceSettings<KvConfig, KvCredentials>,
  policy: NetworkPolicy,
): Dispatcher {
  try {
    return createPinnedDispatcher({
      policy,
      backend: 'kv',
      maxResponseBytes: MAX_ANSWER_BYTES,
      tls: {
        ca: config.caCertificate,
        cert: config.clientCertificate,
        key: credentials.reveal().clientKey,
        serverName: config.tlsServerName,
      },
    });
  } catch {
    throw new VaultError({
      code: 'MISCONFIGURED',
      backend: 'kv',
      operation: 'connect',
      message: `Vault instance ${JSON.stringify(name)}: the CA certificate, or the client certificate and its key, cannot be loaded; check that they are PEM and belong together.`,
    });
  }
}
