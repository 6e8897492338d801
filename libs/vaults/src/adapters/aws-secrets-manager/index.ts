export { awsCapabilities } from './aws.capabilities.js';
export { createAwsSecretsManagerKind, type AwsKindOptions } from './aws.kind.js';
export type { AwsConfig, AwsCredentials } from './aws.settings.js';
