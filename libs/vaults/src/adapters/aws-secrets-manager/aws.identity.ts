import type { StsClient } from './aws.client.js';
import { awsError } from './aws.errors.js';
import type { AwsConfig } from './aws.settings.js';
import type { AwsTask } from './aws.task.js';

/** Whose credentials are in use, and where. */
export type AwsIdentity = {
  /** For example `123456789012`. */
  readonly account: string;
  /** Of the user or of the role's session. */
  readonly arn: string;
  /** See {@link identityText}. */
  readonly serverIdentity: string;
};

const HOSTS_OF_AWS = /(?:^|\.)(?:amazonaws\.com(?:\.cn|\.eu)?|api\.aws|c2s\.ic\.gov|sc2s\.sgov\.gov)$/;

/** Asks STS. @throws VaultError */
export async function identify(sts: StsClient, config: AwsConfig, task: AwsTask): Promise<AwsIdentity> {
  const { Account: account, Arn: arn } = await sts.callerIdentity(task);
  const partition = /^arn:([a-z0-9-]+):/.exec(arn ?? '')?.[1];
  if (!account || !arn || !partition) throw awsError(task, 'INTERNAL', 'AWS does not tell whose credentials these are');
  return { account, arn, serverIdentity: identityText(partition, account, config) };
}

/**
 * Names the server that secrets lie in: `aws:<partition>:<account>:<region>`, so that the endpoints and credentials of
 * one account are told as one. Behind an endpoint that is not AWS's own the endpoint is named too, because every
 * emulator has the same account.
 */
export function identityText(partition: string, account: string, { region, endpoint }: AwsConfig): string {
  const text = `aws:${partition}:${account}:${region}`;
  if (endpoint === undefined || HOSTS_OF_AWS.test(new URL(endpoint).hostname)) return text;
  return `${text}@${new URL(endpoint).origin}`;
}
