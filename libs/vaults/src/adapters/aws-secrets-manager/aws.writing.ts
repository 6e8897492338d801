import { isVaultError, type VaultContent, type VaultError, type WriteReceipt } from '@claviger/vaults/contract';
import { MAX_CONTENT_BYTES } from './aws.capabilities.js';
import type { SecretsManagerClient } from './aws.client.js';
import { awsError } from './aws.errors.js';
import { isWaiting, look, pendingDeletion, tagsOf, type StoredSecret } from './aws.object.js';
import type { AwsTask } from './aws.task.js';
import { requestToken } from './aws.token.js';
import { CURRENT, PREVIOUS } from './aws.versions.js';

type Metadata = Readonly<Record<string, string>>;

/** What a created secret is tagged with, and the tags by which one that waits for its deletion is claimed back. */
type Marks = { readonly metadata: Metadata; readonly reclaim: Metadata };

/** How often a write that finds the secret gone or come meanwhile is made the other way. */
const TURNS = 3;
/** How long putting something back may take. */
const AFTERMATH_MS = 5_000;

/** Writes contents: each becomes a version whose id is the token of the write. */
export class AwsWriting {
  constructor(
    private readonly client: SecretsManagerClient,
    private readonly kmsKeyId: string | undefined,
    private readonly recoveryWindowDays: number,
  ) {}

  /**
   * Creates, in one step with the tags. What waits for its deletion and carries the tags of `reclaim` is restored and
   * written.
   * @throws VaultError ALREADY_EXISTS, PENDING_DELETION, IDEMPOTENCY_CONFLICT, TOO_LARGE
   */
  async create(task: AwsTask, id: string, content: VaultContent, marks: Marks): Promise<WriteReceipt> {
    const { metadata } = marks;
    const text = accept(task, content);
    const token = requestToken(task.call);
    try {
      return await this.#create(task, { id, text, token, metadata });
    } catch (error) {
      if (!isVaultError(error, 'ALREADY_EXISTS', 'INVALID_STATE')) throw error;
      const found = await look(this.client, task, id);
      if (found?.isWaiting) return this.#bringBack(task, { id, text, token, ...marks, found });
      if (found && isUnfinished(found, metadata)) return this.#put(task, { id, text, token });
      // Force-deleted a moment ago: AWS still knows the name, but nothing of it.
      if (!found && isVaultError(error, 'INVALID_STATE'))
        throw awsError(task, 'UNAVAILABLE', 'AWS is still deleting the secret of that name');
      if (found?.labelled.includes(token)) throw conflictingKey(task);
      throw error;
    }
  }

  /**
   * A new version; creates where there is nothing. @throws VaultError PENDING_DELETION, IDEMPOTENCY_CONFLICT, TOO_LARGE
   */
  async put(task: AwsTask, id: string, content: VaultContent): Promise<WriteReceipt> {
    const text = accept(task, content);
    const token = requestToken(task.call);
    for (let turn = 1; ; turn += 1) {
      try {
        return await this.#put(task, { id, text, token });
      } catch (error) {
        if (!isVaultError(error, 'NOT_FOUND') || turn === TURNS) throw error;
      }
      try {
        return await this.#create(task, { id, text, token, metadata: {} });
      } catch (error) {
        if (!isVaultError(error, 'ALREADY_EXISTS', 'INVALID_STATE')) throw error;
        if (await isWaiting(this.client, task, id)) throw pendingDeletion(task);
        if (!isVaultError(error, 'ALREADY_EXISTS')) throw error;
      }
    }
  }

  async #create(task: AwsTask, write: Write & { readonly metadata: Metadata }): Promise<WriteReceipt> {
    const { VersionId } = await this.client.request(task, 'CreateSecret', {
      Name: write.id,
      SecretString: write.text,
      ClientRequestToken: write.token,
      ...(Object.keys(write.metadata).length > 0 ? { Tags: tagsOf(write.metadata) } : {}),
      ...(this.kmsKeyId === undefined ? {} : { KmsKeyId: this.kmsKeyId }),
    });
    return { version: VersionId ?? write.token };
  }

  /**
   * Writes until the version is the current one. Where the token was used before and its version is current no more,
   * somebody else has written since: this write is to be the newest, so that it is made anew under the next token of
   * its key.
   */
  async #put(task: AwsTask, { id, text, token }: Write): Promise<WriteReceipt> {
    let version = token;
    for (let turn = 1; turn <= TURNS; turn += 1) {
      if ((await this.#version(task, { id, text, token: version })).includes(CURRENT)) return { version };
      version = requestToken(task.call, turn);
    }
    throw awsError(task, 'UNAVAILABLE', 'somebody else keeps changing it', { outcomeUnknown: true });
  }

  /** Makes the version, or finds it made, and tells its labels. */
  async #version(task: AwsTask, { id, text, token }: Write): Promise<readonly string[]> {
    try {
      const input = { SecretId: id, SecretString: text, ClientRequestToken: token };
      return (await this.client.request(task, 'PutSecretValue', input)).VersionStages ?? [];
    } catch (error) {
      if (isVaultError(error, 'ALREADY_EXISTS')) throw conflictingKey(task);
      if (!isVaultError(error, 'INVALID_STATE')) throw error;
      throw (await isWaiting(this.client, task, id)) ? pendingDeletion(task) : error;
    }
  }

  /**
   * AWS takes neither tags nor a content while a secret waits, so that it is restored first. When that does not end
   * well, it is scheduled for deletion again: what somebody deleted must not come back by a failure.
   */
  async #bringBack(
    task: AwsTask,
    { found, metadata, reclaim, ...write }: Write & Marks & { readonly found: StoredSecret },
  ): Promise<WriteReceipt> {
    const keys = Object.keys(reclaim);
    const isOurs = keys.length > 0 && keys.every((key) => found.metadata[key] === reclaim[key]);
    if (!isOurs) throw pendingDeletion(task);
    const isAnother = Object.keys(metadata).some((key) => found.metadata[key] !== metadata[key]);
    const SecretId = write.id;
    await this.client.request(task, 'RestoreSecret', { SecretId });
    try {
      if (isAnother) await this.client.request(task, 'TagResource', { SecretId, Tags: tagsOf(metadata) });
      const receipt = await this.#put(task, write);
      if (isAnother) await this.#forget(task, write.id, found);
      return receipt;
    } catch (error) {
      if (isVaultError(error) && !error.outcomeUnknown) await this.#deleteAgain(task, SecretId);
      throw error;
    }
  }

  /** The content of the secret that was deleted is not to stay behind that of another as the previous version. */
  async #forget(task: AwsTask, SecretId: string, { currentVersion: RemoveFromVersionId }: StoredSecret): Promise<void> {
    if (RemoveFromVersionId === undefined) return;
    const input = { SecretId, VersionStage: PREVIOUS, RemoveFromVersionId };
    await this.client.request(task, 'UpdateSecretVersionStage', input).catch(ignoreVaultError);
  }

  async #deleteAgain(task: AwsTask, SecretId: string): Promise<void> {
    const input = { SecretId, RecoveryWindowInDays: this.recoveryWindowDays };
    // Also for a caller who has given up.
    const call = { ...task.call, signal: AbortSignal.timeout(AFTERMATH_MS) };
    await this.client.request({ ...task, call }, 'DeleteSecret', input).catch(ignoreVaultError);
  }
}

/** Of what is done besides: why the main thing failed is what counts, or that it worked. */
function ignoreVaultError(error: unknown): void {
  if (!isVaultError(error)) throw error;
}

type Write = { readonly id: string; readonly text: string; readonly token: string };

/** The text as it is to be stored. @throws VaultError TOO_LARGE */
function accept(task: AwsTask, content: VaultContent): string {
  const text = content.reveal();
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_CONTENT_BYTES) return text;
  const says = `the content has ${bytes} bytes, and AWS takes at most ${MAX_CONTENT_BYTES}`;
  throw awsError(task, 'TOO_LARGE', says, { details: { bytes, limit: MAX_CONTENT_BYTES } });
}

/** A secret that was created without a content, and carries exactly this metadata. */
function isUnfinished(found: StoredSecret, metadata: Metadata): boolean {
  const keys = Object.keys(found.metadata);
  if (found.labelled.length > 0 || keys.length === 0) return false;
  return keys.length === Object.keys(metadata).length && keys.every((key) => metadata[key] === found.metadata[key]);
}

const conflictingKey = (task: AwsTask): VaultError =>
  awsError(task, 'IDEMPOTENCY_CONFLICT', 'the same write was made before with other content');
