import { isVaultError, type VaultErrorCode } from '@claviger/vaults/contract';
import { type AwsClientInit, type AwsKeys, type KeySource, StsClient } from './aws.client.js';
import { awsError } from './aws.errors.js';
import type { AwsBaseCredentials, AwsCredentials } from './aws.settings.js';

/** How long a role may take to be assumed; a call's own signal cannot end what other calls wait for too. */
const ASSUME_LIMIT_MS = 10_000;

/** Failures that say nothing about the credentials. */
const NOT_THEIR_FAULT: readonly VaultErrorCode[] = [
  'UNAVAILABLE',
  'THROTTLED',
  'TIMEOUT',
  'CANCELLED',
  'ADDRESS_DENIED',
  'MISCONFIGURED',
];

/** Where keys come from, and what was opened for it. */
export type OpenedCredentials = { readonly keys: KeySource; close(): Promise<void> };

/**
 * Turns the settings into keys. The SDK asks again five minutes before keys expire, so that a role is assumed anew in
 * time.
 */
export function openCredentials(
  init: AwsClientInit,
  credentials: AwsCredentials,
  allowsEnvironment: boolean,
): OpenedCredentials {
  const baseKeys = (base: AwsBaseCredentials): KeySource =>
    base.type === 'environment' && !allowsEnvironment ? refuseEnvironment : keysOf(base);
  if (credentials.type !== 'assumedRole') return { keys: baseKeys(credentials), close: async () => undefined };
  const { roleArn, externalId, base } = credentials;
  const sts = new StsClient(init, baseKeys(base));
  const input = {
    RoleArn: roleArn,
    RoleSessionName: 'claviger',
    ...(externalId === undefined ? {} : { ExternalId: externalId }),
  };
  return { keys: () => assume(sts, input), close: () => sts.close() };
}

function keysOf(credentials: AwsBaseCredentials): KeySource {
  if (credentials.type === 'environment') return undefined;
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const keys = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  return async () => keys;
}

/** A store must not get at what belongs to the operator's process by asking for it. */
async function refuseEnvironment(): Promise<never> {
  throw awsError(
    { operation: 'logIn', subject: 'The credentials' },
    'MISCONFIGURED',
    'those of the environment are switched off; set CLAVIGER_AWS_ENVIRONMENT_CREDENTIALS, or give keys',
  );
}

async function assume(sts: StsClient, input: { RoleArn: string; RoleSessionName: string }): Promise<AwsKeys> {
  const task = {
    call: { requestId: 'assume-role', signal: AbortSignal.timeout(ASSUME_LIMIT_MS) },
    operation: 'assumeRole',
    subject: `The role ${input.RoleArn}`,
  };
  try {
    const { Credentials: found } = await sts.assumeRole(task, input);
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = found ?? {};
    if (!AccessKeyId || !SecretAccessKey || !SessionToken) throw awsError(task, 'INTERNAL', 'AWS gave no session');
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      ...(Expiration === undefined ? {} : { expiration: Expiration }),
    };
  } catch (error) {
    if (isVaultError(error, 'CANCELLED'))
      throw awsError(task, 'UNAVAILABLE', 'the Security Token Service does not answer');
    if (!isVaultError(error) || NOT_THEIR_FAULT.includes(error.vaultCode)) throw error;
    const says = 'it cannot be assumed; check the base credentials, its trust policy and the external id';
    throw awsError(task, 'UNAUTHENTICATED', says, { details: { lastError: error.code } });
  }
}
