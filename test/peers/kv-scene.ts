import { SecretValue } from '@claviger/kernel';
import { startOpenBao, type OpenBaoPeer } from '@claviger/testing';
import type { KvConfig, KvCredentials } from '@claviger/vaults/adapters/kv';
import type { VaultAdapter, VaultConnection } from '@claviger/vaults/contract';
import { connectKv, kvCall } from './kv-connect.js';
import { startFront, type Front } from './kv-front.js';

export const mount = { mount: 'kv', flavour: 'auto' };
export const content = (text: string): SecretValue<string> => new SecretValue(text);

export function put(adapter: VaultAdapter, name: string, text: string): ReturnType<VaultAdapter['put']> {
  return adapter.put(kvCall(), name, content(text));
}

export async function read(adapter: VaultAdapter, name: string): Promise<string> {
  return (await adapter.read(kvCall(), name)).content.reveal();
}

type TokenFacts = { readonly meta?: { readonly role_name?: string }; readonly last_renewal_time?: number };

/** A real OpenBao with a KV mount of each version (`kv`, `kv1`), AppRole, and a policy `app` for all of `kv`. */
export class KvScene {
  readonly #opened: { close(): Promise<void> }[] = [];

  private constructor(readonly bao: OpenBaoPeer) {}

  static async start(): Promise<KvScene> {
    const bao = await startOpenBao();
    await bao.mountKv('kv', 2);
    await bao.mountKv('kv1', 1);
    const all = '["create", "read", "update", "patch", "delete", "list"]';
    await bao.writePolicy('app', `path "kv/*" { capabilities = ${all} }`);
    await bao.must({ method: 'POST', path: 'sys/auth/approle', body: { type: 'approle' } });
    return new KvScene(bao);
  }

  get root(): KvCredentials {
    return { type: 'token', token: this.bao.rootToken };
  }

  /** Connects to the OpenBao unless another address is given; closed by {@link closeOpened}. */
  connect(credentials: KvCredentials, config: Partial<KvConfig> = {}): VaultConnection {
    return this.opened(connectKv({ address: this.bao.address, ...config }, credentials));
  }

  /** A front that notes the method and path of all that comes through. */
  async front(): Promise<Front & { readonly paths: string[] }> {
    const front = Object.assign(await startFront(this.bao.address), { paths: [] as string[] });
    front.rule = ({ method, url, pass }) => {
      front.paths.push(`${method} ${url}`);
      pass();
    };
    return this.opened(front);
  }

  opened<T extends { close(): Promise<void> }>(one: T): T {
    this.#opened.push(one);
    return one;
  }

  async closeOpened(): Promise<void> {
    for (const one of this.#opened.splice(0).reverse()) await one.close();
  }

  /** A token with these policies that may look itself up. */
  async tokenWith(...policies: readonly string[]): Promise<string> {
    const { client_token } = await this.bao.must({ method: 'POST', path: 'auth/token/create', body: { policies } });
    return client_token as string;
  }

  /** A role with the policy `app`, and credentials for it. */
  async appRole(name: string, role: object = {}): Promise<KvCredentials & { type: 'approle' }> {
    const path = `auth/approle/role/${name}`;
    await this.bao.must({ method: 'POST', path, body: { token_policies: ['app'], token_ttl: '1h', ...role } });
    const { role_id } = await this.bao.must({ path: `${path}/role-id` });
    const { secret_id } = await this.bao.must({ method: 'POST', path: `${path}/secret-id` });
    return { type: 'approle', roleId: role_id as string, secretId: secret_id as string };
  }

  /** What the server knows of each living token, by accessor. */
  async tokens(): Promise<ReadonlyMap<string, TokenFacts>> {
    const { keys } = await this.bao.must({ path: 'auth/token/accessors?list=true' });
    const found = new Map<string, TokenFacts>();
    for (const accessor of keys as string[]) {
      const path = 'auth/token/lookup-accessor';
      const { status, body } = await this.bao.call({ method: 'POST', path, body: { accessor } });
      if (status === 200) found.set(accessor, (body as { data: TokenFacts }).data);
    }
    return found;
  }

  /** Revokes every token that was logged in for the role. */
  async revokeTokensOf(role: string): Promise<void> {
    for (const [accessor, { meta }] of await this.tokens()) {
      if (meta?.role_name !== role) continue;
      await this.bao.must({ method: 'POST', path: 'auth/token/revoke-accessor', body: { accessor } });
    }
  }

  async close(): Promise<void> {
    await this.closeOpened();
    await this.bao.close();
  }
}
