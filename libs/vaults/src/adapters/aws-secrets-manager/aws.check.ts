import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import {
  isVaultError,
  type AdapterCall,
  type CheckStatus,
  type VaultCapabilities,
  type VaultCheck,
  type VaultErrorCode,
} from '@claviger/vaults/contract';
import type { SecretsManagerAction, SecretsManagerActions, SecretsManagerClient } from './aws.client.js';
import { awsError } from './aws.errors.js';
import type { AwsIdentity } from './aws.identity.js';
import type { AwsTask } from './aws.task.js';

/** What a check asks. */
export type CheckSteps = {
  readonly subject: string;
  /** Whose credentials these are. @throws VaultError */
  identify(task: AwsTask): Promise<AwsIdentity>;
  /** Undefined: no mount was asked about. */
  readonly mount:
    | {
        readonly client: SecretsManagerClient;
        /** What the stored names begin with, prefix of the profile included; `''` or ending in a slash. */
        readonly storedPrefix: string;
        readonly capabilities: VaultCapabilities;
        readonly flavour: string;
      }
    | undefined;
};

const STATUS: Partial<Record<VaultErrorCode, CheckStatus>> = {
  UNAUTHENTICATED: 'unauthenticated',
  PERMISSION_DENIED: 'no_permission',
  MISCONFIGURED: 'misconfigured',
  ADDRESS_DENIED: 'misconfigured',
  INVALID_NAME: 'misconfigured',
};

/** Answers "can I use this?". Never throws: a failure is a status with the error's message. */
export async function checkAws(call: AdapterCall, { subject, identify, mount }: CheckSteps): Promise<VaultCheck> {
  const task = { call, operation: 'check', subject };
  const startedMs = performance.now();
  let known: Partial<VaultCheck> = { product: 'aws-secrets-manager' };
  let latencyMs = 0;
  try {
    const identity = await identify(task).finally(() => {
      latencyMs = Math.round(performance.now() - startedMs);
    });
    known = { ...known, serverIdentity: identity.serverIdentity };
    let message = `The credentials are those of ${identity.arn}.`;
    if (mount) {
      const { flavour, capabilities } = mount;
      const denied = await findDenied(task, mount.client, mount.storedPrefix);
      if (denied.some((action) => NEEDED.includes(action)))
        throw awsError(
          task,
          'PERMISSION_DENIED',
          `${identity.arn} may not call ${words(denied)} there; extend its IAM policy`,
        );
      message +=
        denied.length > 0 ? ` They may not call ${words(denied)} there.` : ' They may do all that can be asked about.';
      known = { ...known, flavour, capabilities };
    }
    return { ...known, status: 'ready', message, latencyMs };
  } catch (error) {
    if (!isVaultError(error)) throw error;
    return { ...known, status: STATUS[error.vaultCode] ?? 'unreachable', message: error.message, latencyMs };
  }
}

/** Without these nothing can be done with a profile. */
const NEEDED: readonly SecretsManagerAction[] = ['GetSecretValue', 'DescribeSecret'];

const words = (actions: readonly string[]): string => actions.map((action) => `secretsmanager:${action}`).join(', ');

/**
 * Actions that the credentials may not call. AWS judges permissions before it looks whether a secret exists, so that
 * each is tried on a name that nobody has: nothing is changed. Creating cannot be tried like this.
 * @throws VaultError for what says nothing about permissions
 */
async function findDenied(
  task: AwsTask,
  client: SecretsManagerClient,
  storedPrefix: string,
): Promise<readonly SecretsManagerAction[]> {
  const signal = AbortSignal.any([task.call.signal]);
  // Of all attempts at once, which are more than Node expects of one signal.
  setMaxListeners(0, signal);
  const each = { ...task, call: { ...task.call, signal } };
  const SecretId = `${storedPrefix}claviger-check-${randomUUID()}`.slice(-512);
  const attempts: readonly Attempt[] = [
    ['DescribeSecret', { SecretId }],
    ['GetSecretValue', { SecretId }],
    ['BatchGetSecretValue', { SecretIdList: [SecretId] }],
    ['ListSecretVersionIds', { SecretId }],
    ['ListSecrets', { MaxResults: 1 }],
    ['PutSecretValue', { SecretId, SecretString: '{}', ClientRequestToken: randomUUID() }],
    ['TagResource', { SecretId, Tags: [{ Key: 'claviger_check', Value: 'x' }] }],
    ['DeleteSecret', { SecretId, RecoveryWindowInDays: 30 }],
    ['RestoreSecret', { SecretId }],
  ];
  const verdicts = await Promise.all(
    attempts.map(async ([action, input]) => {
      try {
        await client.request(each, action, input as never);
      } catch (error) {
        if (isVaultError(error, 'PERMISSION_DENIED')) return [action];
        // Of the others only a refusal is news: whether AWS can be reached is known by the needed ones.
        const isTold = !NEEDED.includes(action) || isVaultError(error, 'NOT_FOUND');
        if (!isTold) throw error;
      }
      return [];
    }),
  );
  return verdicts.flat();
}

type Attempt = { [A in SecretsManagerAction]: readonly [A, SecretsManagerActions[A][0]] }[SecretsManagerAction];
