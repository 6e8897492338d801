import type {
  AdapterCall,
  InstanceSettings,
  MountSettings,
  VaultCheck,
  VaultConnection,
} from '@claviger/vaults/contract';
import { createPinnedDispatcher, type NetworkPolicy } from '@claviger/vaults/network';
import type { Dispatcher } from 'undici';
import { AwsSecretsManagerAdapter, storedPrefix } from './aws.adapter.js';
import { awsCapabilities } from './aws.capabilities.js';
import { checkAws } from './aws.check.js';
import { SecretsManagerClient, StsClient } from './aws.client.js';
import { openCredentials, type OpenedCredentials } from './aws.credentials.js';
import { AWS_KIND, awsError } from './aws.errors.js';
import { identify } from './aws.identity.js';
import { encodeName } from './aws.names.js';
import type { AwsConfig, AwsCredentials } from './aws.settings.js';

/**
 * The largest answer read: twenty contents of the greatest size, of which JSON can make six characters of a byte. A page
 * of a hundred secrets with all the tags that they can have is smaller.
 */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

export type AwsConnectionInit = {
  readonly settings: InstanceSettings<AwsConfig, AwsCredentials>;
  readonly installationId: string;
  readonly networkPolicy: NetworkPolicy;
  /** Whether credentials of the process may be used. */
  readonly allowsEnvironment: boolean;
};

/** One account in one region, with one set of credentials. */
export class AwsConnection implements VaultConnection {
  readonly #config: AwsConfig;
  readonly #dispatcher: Dispatcher;
  readonly #credentials: OpenedCredentials;
  readonly #secretsManager: SecretsManagerClient;
  readonly #sts: StsClient;

  /** @throws VaultError MISCONFIGURED for a CA certificate that cannot be loaded */
  constructor({ settings, installationId, networkPolicy, allowsEnvironment }: AwsConnectionInit) {
    const { config, credentials } = settings;
    this.#config = config;
    this.#dispatcher = dispatcherFor(settings, networkPolicy);
    const init = { config, dispatcher: this.#dispatcher, installationId };
    this.#credentials = openCredentials(init, credentials.reveal(), allowsEnvironment);
    this.#secretsManager = new SecretsManagerClient(init, this.#credentials.keys);
    this.#sts = new StsClient(init, this.#credentials.keys);
  }

  async serverIdentity(call: AdapterCall): Promise<string> {
    const task = { call, operation: 'serverIdentity', subject: this.#subject };
    return (await identify(this.#sts, this.#config, task)).serverIdentity;
  }

  check(call: AdapterCall, mount?: MountSettings): Promise<VaultCheck> {
    return checkAws(call, {
      subject: this.#subject,
      identify: (task) => identify(this.#sts, this.#config, task),
      mount: mount && {
        client: this.#secretsManager,
        storedPrefix: storedPrefix(mount.mount) + storedPrefix(mount.prefix ?? ''),
        capabilities: awsCapabilities(storedPrefix(mount.mount), this.#config.forceDelete),
        flavour: 'default',
      },
    });
  }

  open({ mount }: MountSettings): AwsSecretsManagerAdapter {
    return new AwsSecretsManagerAdapter(this.#secretsManager, this.#config, mount);
  }

  /** The name of the secret in AWS, however it is divided into mount, prefix and name. */
  canonicalPlace(mount: string, name: string): string {
    return storedPrefix(mount) + encodeName(name);
  }

  async close(): Promise<void> {
    await Promise.all([this.#secretsManager.close(), this.#sts.close(), this.#credentials.close()]);
    await this.#dispatcher.destroy();
  }

  get #subject(): string {
    return this.#config.endpoint ?? `AWS ${this.#config.region}`;
  }
}

function dispatcherFor(
  { name, config }: InstanceSettings<AwsConfig, AwsCredentials>,
  policy: NetworkPolicy,
): Dispatcher {
  try {
    return createPinnedDispatcher({
      policy,
      backend: AWS_KIND,
      maxResponseBytes: MAX_ANSWER_BYTES,
      ...(config.caCertificate === undefined ? {} : { tls: { ca: config.caCertificate } }),
    });
  } catch {
    const subject = `Vault instance ${JSON.stringify(name)}`;
    throw awsError({ operation: 'connect', subject }, 'MISCONFIGURED', 'the CA certificate cannot be loaded');
  }
}
