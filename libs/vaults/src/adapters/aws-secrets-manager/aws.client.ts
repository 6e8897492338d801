import type * as SecretsManager from '@aws-sdk/client-secrets-manager';
import type * as Sts from '@aws-sdk/client-sts';
import { isVaultError, type VaultError } from '@claviger/vaults/contract';
import type { Dispatcher } from 'undici';
import { answerError, awsError, ForeignAnswer, foreignError } from './aws.errors.js';
import { AwsHttpHandler, type AwsRequestOptions, type RequestNotes } from './aws.http-handler.js';
import type { AwsConfig } from './aws.settings.js';
import type { AwsTask } from './aws.task.js';

/** The keys that requests are signed with. */
export type AwsKeys = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
};

/** Gives the keys in force; undefined leaves it to the SDK to find some in the environment. */
export type KeySource = (() => Promise<AwsKeys>) | undefined;

export type AwsClientInit = {
  readonly config: AwsConfig;
  readonly dispatcher: Dispatcher;
  readonly installationId: string;
};

type Sending = { send(command: never, options: AwsRequestOptions): Promise<unknown>; destroy(): void };

/** The SDK takes long to load, and most installations use no AWS: it is loaded at the first request. */
const loadSecretsManager = (): Promise<typeof SecretsManager> => import('@aws-sdk/client-secrets-manager');
const loadSts = (): Promise<typeof Sts> => import('@aws-sdk/client-sts');

/** What is said to every client of the SDK, so that nothing is read from the environment or from files of the user. */
function settingsOf({ config, dispatcher, installationId }: AwsClientInit, answers: 'json' | 'xml', keys: KeySource) {
  const endpoint = answers === 'json' ? config.endpoint : config.stsEndpoint;
  return {
    region: config.region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ignoreConfiguredEndpointUrls: true,
    useFipsEndpoint: config.useFips && endpoint === undefined,
    useDualstackEndpoint: false,
    // The wrappers repeat; a second layer of repetitions would multiply with theirs.
    maxAttempts: 1,
    retryMode: 'standard' as const,
    defaultsMode: 'standard' as const,
    authSchemePreference: ['sigv4'],
    userAgentAppId: 'claviger',
    requestHandler: new AwsHttpHandler({ dispatcher, installationId, answers }) as never,
    ...(keys === undefined ? {} : { credentials: keys }),
  };
}

/** The actions used, by name: what goes in and what comes out. */
export type SecretsManagerActions = {
  CreateSecret: [SecretsManager.CreateSecretCommandInput, SecretsManager.CreateSecretCommandOutput];
  PutSecretValue: [SecretsManager.PutSecretValueCommandInput, SecretsManager.PutSecretValueCommandOutput];
  GetSecretValue: [SecretsManager.GetSecretValueCommandInput, SecretsManager.GetSecretValueCommandOutput];
  BatchGetSecretValue: [
    SecretsManager.BatchGetSecretValueCommandInput,
    SecretsManager.BatchGetSecretValueCommandOutput,
  ];
  DescribeSecret: [SecretsManager.DescribeSecretCommandInput, SecretsManager.DescribeSecretCommandOutput];
  ListSecretVersionIds: [
    SecretsManager.ListSecretVersionIdsCommandInput,
    SecretsManager.ListSecretVersionIdsCommandOutput,
  ];
  ListSecrets: [SecretsManager.ListSecretsCommandInput, SecretsManager.ListSecretsCommandOutput];
  TagResource: [SecretsManager.TagResourceCommandInput, SecretsManager.TagResourceCommandOutput];
  DeleteSecret: [SecretsManager.DeleteSecretCommandInput, SecretsManager.DeleteSecretCommandOutput];
  RestoreSecret: [SecretsManager.RestoreSecretCommandInput, SecretsManager.RestoreSecretCommandOutput];
  UpdateSecretVersionStage: [
    SecretsManager.UpdateSecretVersionStageCommandInput,
    SecretsManager.UpdateSecretVersionStageCommandOutput,
  ];
};
export type SecretsManagerAction = keyof SecretsManagerActions;

/** Actions that change something, after whose failure it may be unknown whether they did. */
const MUTATING: ReadonlySet<SecretsManagerAction> = new Set<SecretsManagerAction>([
  'CreateSecret',
  'PutSecretValue',
  'TagResource',
  'DeleteSecret',
  'RestoreSecret',
  'UpdateSecretVersionStage',
]);

/** Makes requests to Secrets Manager and translates every failure. */
export class SecretsManagerClient {
  #client: Promise<Sending> | undefined;

  constructor(
    private readonly init: AwsClientInit,
    private readonly keys: KeySource,
  ) {}

  /** @throws VaultError for whatever goes wrong: NOT_FOUND, ALREADY_EXISTS and INVALID_STATE as AWS says it */
  async request<A extends SecretsManagerAction>(
    task: AwsTask,
    action: A,
    input: SecretsManagerActions[A][0],
  ): Promise<SecretsManagerActions[A][1]> {
    const sdk = await loadSecretsManager();
    const client = await (this.#client ??= this.#open(sdk));
    const Command = sdk[`${action}Command`] as new (input: unknown) => object;
    const answer = await sendCommand(task, client, new Command(input), MUTATING.has(action));
    return answer as SecretsManagerActions[A][1];
  }

  async close(): Promise<void> {
    await closeClient(this.#client);
  }

  async #open(sdk: typeof SecretsManager): Promise<Sending> {
    return new sdk.SecretsManagerClient(settingsOf(this.init, 'json', this.keys)) as Sending;
  }
}

/** Makes requests to the Security Token Service. */
export class StsClient {
  #client: Promise<Sending> | undefined;

  constructor(
    private readonly init: AwsClientInit,
    private readonly keys: KeySource,
  ) {}

  /** Whose credentials these are. Nobody can be forbidden to ask. @throws VaultError */
  async callerIdentity(task: AwsTask): Promise<Sts.GetCallerIdentityCommandOutput> {
    const sdk = await loadSts();
    return (await this.#send(task, sdk, new sdk.GetCallerIdentityCommand({}))) as Sts.GetCallerIdentityCommandOutput;
  }

  /** A session of a role. @throws VaultError */
  async assumeRole(task: AwsTask, input: Sts.AssumeRoleCommandInput): Promise<Sts.AssumeRoleCommandOutput> {
    const sdk = await loadSts();
    return (await this.#send(task, sdk, new sdk.AssumeRoleCommand(input))) as Sts.AssumeRoleCommandOutput;
  }

  async close(): Promise<void> {
    await closeClient(this.#client);
  }

  async #send(task: AwsTask, sdk: typeof Sts, command: object): Promise<unknown> {
    this.#client ??= Promise.resolve(new sdk.STSClient(settingsOf(this.init, 'xml', this.keys)) as Sending);
    return sendCommand(task, await this.#client, command, false);
  }
}

async function closeClient(client: Promise<Sending> | undefined): Promise<void> {
  (await client)?.destroy();
}

async function sendCommand(task: AwsTask, client: Sending, command: object, mutates: boolean): Promise<unknown> {
  const { signal, hops } = task.call;
  const notes: RequestNotes = { isSent: false };
  if (signal.aborted) throw cancelled(task, false);
  const over = new AbortController();
  try {
    const options = { abortSignal: signal, notes, ...(hops === undefined ? {} : { hops }) };
    // The SDK does not heed the signal while it looks for credentials.
    return await Promise.race([client.send(command as never, options), givenUp(signal, over.signal)]);
  } catch (error) {
    throw translate(task, error, notes, mutates);
  } finally {
    over.abort();
  }
}

/** Rejects when the caller gives up, unless all is over before. */
async function givenUp(signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the caller gave up')), { once: true, signal: over });
  });
}

/** Keeps nothing of the original, which may quote what was sent or answered. */
function translate(task: AwsTask, error: unknown, notes: RequestNotes, mutates: boolean): VaultError {
  if (isVaultError(error)) return error;
  if (task.call.signal.aborted) return cancelled(task, mutates && notes.isSent);
  const { failure } = notes;
  if (isVaultError(failure)) return failure;
  if (failure instanceof ForeignAnswer) return foreignError(task, { ...notes, status: failure.status }, mutates);
  if (failure) {
    const { code, says, mayBeSent } = failure;
    return awsError(task, code, says, { outcomeUnknown: mutates && mayBeSent });
  }
  const { name } = error as { name?: unknown };
  return answerError(task, typeof name === 'string' ? name : '', notes, mutates);
}

/** What a call gets whose signal aborted. */
export function cancelled(task: AwsTask, outcomeUnknown: boolean): VaultError {
  return awsError(task, 'CANCELLED', 'the caller gave up', { outcomeUnknown });
}
