import { systemClock, type Clock } from '@claviger/kernel';
import type { VaultKind } from '@claviger/vaults/contract';
import type { NetworkPolicy } from '@claviger/vaults/network';
import { KvConnection } from './kv.connection.js';
import { kvConfigSchema, kvCredentialsSchema, type KvConfig, type KvCredentials } from './kv.settings.js';

export type KvKindOptions = {
  /** Id of this Claviger installation, for the hop header. */
  readonly installationId: string;
  readonly networkPolicy: NetworkPolicy;
  readonly clock?: Clock;
};

/** OpenBao and HashiCorp Vault: their KV secrets engine, versions 1 and 2. */
export function createKvKind(options: KvKindOptions): VaultKind<KvConfig, KvCredentials> {
  const { installationId, networkPolicy, clock = systemClock } = options;
  return {
    kind: 'kv',
    title: 'OpenBao or HashiCorp Vault',
    description: 'The KV secrets engine, version 1 or 2, of an OpenBao or Vault server.',
    configSchema: kvConfigSchema,
    credentialsSchema: kvCredentialsSchema,
    flavours: ['kv1', 'kv2'],
    credentialBoundFields: [
      'address',
      'namespace',
      'caCertificate',
      'clientCertificate',
      'tlsServerName',
      'redirectHosts',
    ],
    remote: true,
    connect: (settings) => new KvConnection({ settings, installationId, networkPolicy, clock }),
  };
}
