import { SecretValue } from '@claviger/kernel';
import { startMoto, type MotoPeer } from '@claviger/testing';
import type { AwsConfig, AwsCredentials } from '@claviger/vaults/adapters/aws-secrets-manager';
import type { AdapterCall, VaultAdapter, VaultConnection } from '@claviger/vaults/contract';
import { awsCall, connectAws } from './aws-connect.js';
import { startAwsFront, type AwsFront } from './aws-front.js';

/** Everything that the emulator tells about a secret. */
export type RawSecret = {
  readonly Name: string;
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
  /** Null while it does not wait for its deletion. */
  readonly DeletedDate?: number | null;
  readonly VersionIdsToStages?: Readonly<Record<string, readonly string[]>>;
};

/** An emulator of AWS with a front before it, for one test file; what a test opens is closed after it. */
export class AwsScene {
  readonly #opened: { close(): Promise<void> }[] = [];

  private constructor(readonly moto: MotoPeer) {}

  static async start(): Promise<AwsScene> {
    return new AwsScene(await startMoto());
  }

  async front(): Promise<AwsFront> {
    return this.#keep(await startAwsFront(this.moto.address));
  }

  connect(address: string, config: Partial<AwsConfig> = {}, credentials?: AwsCredentials): VaultConnection {
    return this.#keep(connectAws(address, config, credentials));
  }

  /** An adapter behind a front of its own, with the whole account as its mount. */
  async open(config: Partial<AwsConfig> = {}, mount = ''): Promise<{ adapter: VaultAdapter; front: AwsFront }> {
    const front = await this.front();
    return { front, adapter: this.connect(front.address, config).open({ mount, flavour: 'auto' }) };
  }

  /** What is stored under a name, or undefined. */
  async stored(SecretId: string): Promise<RawSecret | undefined> {
    const { status, body } = await this.moto.call('DescribeSecret', { SecretId });
    return status === 200 ? (body as unknown as RawSecret) : undefined;
  }

  async closeOpened(): Promise<void> {
    for (const one of this.#opened.splice(0).reverse()) await one.close();
  }

  async close(): Promise<void> {
    await this.closeOpened();
    await this.moto.close();
  }

  #keep<T extends { close(): Promise<void> }>(one: T): T {
    this.#opened.push(one);
    return one;
  }
}

export const content = (text: string): SecretValue<string> => new SecretValue(text);
export const keyed = (idempotencyKey: string): AdapterCall => awsCall({ idempotencyKey });

export async function read(adapter: VaultAdapter, name: string, version?: string): Promise<string> {
  return (await adapter.read(awsCall(), name, version)).content.reveal();
}

let names = 0;
/** A name that no other test uses. */
export const unique = (): string => `secret-of-test-${(names += 1)}`;
