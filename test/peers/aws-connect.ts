import { newId, SecretValue } from '@claviger/kernel';
import {
  createAwsSecretsManagerKind,
  type AwsConfig,
  type AwsCredentials,
} from '@claviger/vaults/adapters/aws-secrets-manager';
import type { AdapterCall, VaultConnection } from '@claviger/vaults/contract';
import { createNetworkPolicy } from '@claviger/vaults/network';

export const STATIC = {
  type: 'static',
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'canary-secret-access-key-of-nobody',
} as const satisfies AwsCredentials;

/** Connects as the product does: settings go through the kind's schemas. Both services are asked at one address. */
export function connectAws(
  address: string,
  config: Partial<AwsConfig> = {},
  credentials: AwsCredentials = STATIC,
): VaultConnection {
  const kind = createAwsSecretsManagerKind({
    installationId: newId(),
    networkPolicy: createNetworkPolicy(),
    allowsEnvironment: true,
  });
  const all = { region: 'eu-west-1', endpoint: address, stsEndpoint: address, ...config };
  return kind.connect({
    storeId: newId(),
    id: newId(),
    name: 'peer',
    config: kind.configSchema.parse(all),
    credentials: new SecretValue(kind.credentialsSchema.parse(credentials)),
  });
}

export function awsCall(more: Partial<AdapterCall> = {}): AdapterCall {
  return { requestId: newId(), signal: new AbortController().signal, ...more };
}

/**
 * What a process has in its environment that also uses the AWS SDK. Nothing of it may have any effect on keys that were
 * given, so every test of this adapter runs with it.
 */
export function useHostileEnvironment(): void {
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: 'AKIAOFTHEENVIRONMENT',
    AWS_SECRET_ACCESS_KEY: 'key-of-the-environment',
    AWS_SESSION_TOKEN: 'token-of-the-environment',
    AWS_REGION: 'us-gov-west-1',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://127.0.0.1:1',
    AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:1',
    AWS_USE_FIPS_ENDPOINT: 'true',
    AWS_USE_DUALSTACK_ENDPOINT: 'true',
    AWS_MAX_ATTEMPTS: '9',
    AWS_RETRY_MODE: 'adaptive',
    AWS_PROFILE: 'profile-of-the-environment',
    HTTP_PROXY: 'http://127.0.0.1:1',
    HTTPS_PROXY: 'http://127.0.0.1:1',
  });
}
