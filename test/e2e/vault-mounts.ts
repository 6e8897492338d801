import { randomUUID } from 'node:crypto';
import { SecretValue } from '@claviger/kernel';
import { VaultConnections } from '@claviger/features/vault-profiles';
import type { MotoPeer, OpenBaoPeer } from '@claviger/testing';
import type { AdapterCall, VaultAdapter } from '@claviger/vaults/contract';
import type { TestApp } from '../../libs/testing/src/app-harness.js';

export type VaultKindName = 'kv2' | 'kv1' | 'builtin' | 'aws';

/** A mount of a vault as somebody who does not ask Claviger sees it and changes it. */
export interface VaultMount {
  readonly kind: VaultKindName;
  /** What is there under the name, or undefined. */
  read(name: string): Promise<unknown>;
  write(name: string, content: object): Promise<void>;
  /** Removes everything that is there under the name. */
  remove(name: string): Promise<void>;
  /** How many versions were ever written there, or undefined where the vault does not count. */
  countVersions(name: string): Promise<number | undefined>;
}

/** A KV mount of a real OpenBao, reached with its root token. */
export class KvMount implements VaultMount {
  private constructor(
    private readonly bao: OpenBaoPeer,
    private readonly mount: string,
    readonly kind: 'kv1' | 'kv2',
  ) {}

  static async make(bao: OpenBaoPeer, mount: string, kind: 'kv1' | 'kv2'): Promise<KvMount> {
    await bao.mountKv(mount, kind === 'kv2' ? 2 : 1);
    return new KvMount(bao, mount, kind);
  }

  async read(name: string): Promise<unknown> {
    const { status, body } = await this.bao.call({ path: this.#path('data', name) });
    if (status === 404) return undefined;
    const { data } = body as { data: { data: unknown } };
    return this.kind === 'kv2' ? data.data : data;
  }

  async write(name: string, content: object): Promise<void> {
    const body = this.kind === 'kv2' ? { data: content } : content;
    await this.bao.must({ method: 'POST', path: this.#path('data', name), body });
  }

  async remove(name: string): Promise<void> {
    await this.bao.must({ method: 'DELETE', path: this.#path('metadata', name) });
  }

  /** Deletes the newest version only, as `bao kv delete` does. */
  async hide(name: string): Promise<void> {
    await this.bao.must({ method: 'DELETE', path: this.#path('data', name) });
  }

  async countVersions(name: string): Promise<number | undefined> {
    if (this.kind === 'kv1') return undefined;
    const { status, body } = await this.bao.call({ path: this.#path('metadata', name) });
    return status === 404 ? 0 : (body as { data: { current_version: number } }).data.current_version;
  }

  #path(part: string, name: string): string {
    const encoded = name.split('/').map(encodeURIComponent).join('/');
    return this.kind === 'kv2' ? `${this.mount}/${part}/${encoded}` : `${this.mount}/${encoded}`;
  }
}

/** The secrets of an emulated AWS account below a prefix, as somebody with its console. */
export class AwsMount implements VaultMount {
  readonly kind = 'aws';

  constructor(
    private readonly moto: MotoPeer,
    readonly mount: string,
  ) {}

  async read(name: string): Promise<unknown> {
    const { status, body } = await this.call('GetSecretValue', name, { VersionStage: 'AWSCURRENT' });
    return status === 200 ? JSON.parse(body!['SecretString'] as string) : undefined;
  }

  async write(name: string, content: object): Promise<void> {
    const value = { SecretString: JSON.stringify(content), ClientRequestToken: randomUUID() };
    const { status } = await this.call('PutSecretValue', name, value);
    if (status !== 200) await this.moto.call('CreateSecret', { Name: this.#id(name), ...value });
  }

  /** With the recovery window that a person gets who says nothing. */
  async remove(name: string): Promise<void> {
    await this.call('DeleteSecret', name, {});
  }

  async countVersions(name: string): Promise<number | undefined> {
    return Object.keys((await this.describe(name))?.VersionIdsToStages ?? {}).length;
  }

  async describe(name: string): Promise<AwsDescription | undefined> {
    const { status, body } = await this.call('DescribeSecret', name, {});
    return status === 200 ? (body as AwsDescription) : undefined;
  }

  call(action: string, name: string, input: object): ReturnType<MotoPeer['call']> {
    return this.moto.call(action, { SecretId: this.#id(name), ...input });
  }

  #id(name: string): string {
    return `${this.mount}/${name}`;
  }
}

/** What AWS tells about a secret. */
export type AwsDescription = {
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
  readonly DeletedDate?: number | null;
  readonly VersionIdsToStages?: Readonly<Record<string, readonly string[]>>;
};

/** A mount of the built-in vault, reached through its adapter and past everything that Claviger does around it. */
export class BuiltinMount implements VaultMount {
  readonly kind = 'builtin';
  /** Set once the profile is registered. */
  readonly profileId: string | undefined;

  constructor(
    private readonly app: TestApp,
    readonly mount: string,
  ) {}

  async read(name: string): Promise<unknown> {
    const found = await (await this.#adapter()).read(this.#call(), name).catch(() => undefined);
    return found && JSON.parse(found.content.reveal());
  }

  async write(name: string, content: object): Promise<void> {
    await (await this.#adapter()).put(this.#call(), name, new SecretValue(JSON.stringify(content)));
  }

  async remove(name: string): Promise<void> {
    await (await this.#adapter()).purge(this.#call(), name);
  }

  async countVersions(name: string): Promise<number | undefined> {
    const found = await (await this.#adapter()).describe(this.#call(), name).catch(() => undefined);
    return Number(found?.currentVersion ?? 0);
  }

  async #adapter(): Promise<VaultAdapter> {
    const connections = this.app.nest.get(VaultConnections, { strict: false });
    return (await connections.adapterFor(this.app.system, this.profileId!)).adapter;
  }

  #call(): AdapterCall {
    return { requestId: 'test', signal: new AbortController().signal };
  }
}
