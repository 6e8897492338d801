import { newId, SecretValue } from '@claviger/kernel';
import { createKvKind, type KvConfig, type KvCredentials } from '@claviger/vaults/adapters/kv';
import type { AdapterCall, VaultConnection } from '@claviger/vaults/contract';
import { createNetworkPolicy } from '@claviger/vaults/network';

/** Connects as the product does: settings go through the kind's schemas. */
export function connectKv(config: KvConfig, credentials: KvCredentials): VaultConnection {
  const kind = createKvKind({ installationId: newId(), networkPolicy: createNetworkPolicy() });
  return kind.connect({
    storeId: newId(),
    id: newId(),
    name: 'peer',
    config: kind.configSchema.parse(config),
    credentials: new SecretValue(kind.credentialsSchema.parse(credentials)),
  });
}

export function kvCall(signal: AbortSignal = new AbortController().signal): AdapterCall {
  return { requestId: newId(), signal };
}

/**
 * What a process has in its environment that also uses node-vault or the `vault` program. Nothing of it may have any
 * effect, so every test of this adapter runs with it.
 */
export function useHostileEnvironment(): void {
  Object.assign(process.env, {
    VAULT_ADDR: 'http://127.0.0.1:1',
    VAULT_TOKEN: 'token-of-the-environment',
    VAULT_NAMESPACE: 'namespace-of-the-environment',
    VAULT_PREFIX: '/prefix-of-the-environment',
    VAULT_SKIP_VERIFY: '1',
    DEBUG: 'node-vault',
    HTTP_PROXY: 'http://127.0.0.1:1',
    HTTPS_PROXY: 'http://127.0.0.1:1',
  });
}
