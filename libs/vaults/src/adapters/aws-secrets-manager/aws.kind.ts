import type { VaultKind } from '@claviger/vaults/contract';
import type { NetworkPolicy } from '@claviger/vaults/network';
import { AwsConnection } from './aws.connection.js';
import { AWS_KIND } from './aws.errors.js';
import { awsConfigSchema, awsCredentialsSchema, type AwsConfig, type AwsCredentials } from './aws.settings.js';

export type AwsKindOptions = {
  /** Id of this Claviger installation, for the hop header. */
  readonly installationId: string;
  readonly networkPolicy: NetworkPolicy;
  /** Whether instances may use what the environment of the process gives: its variables, its container, its machine. */
  readonly allowsEnvironment: boolean;
};

/** AWS Secrets Manager. */
export function createAwsSecretsManagerKind(options: AwsKindOptions): VaultKind<AwsConfig, AwsCredentials> {
  return {
    kind: AWS_KIND,
    title: 'AWS Secrets Manager',
    description: 'The secrets of one AWS account in one region.',
    configSchema: awsConfigSchema,
    credentialsSchema: awsCredentialsSchema,
    flavours: [],
    isMountOptional: true,
    credentialBoundFields: ['region', 'endpoint', 'stsEndpoint', 'useFips', 'caCertificate'],
    remote: true,
    connect: (settings) => new AwsConnection({ settings, ...options }),
  };
}
