import type { SecretsManagerClient } from './aws.client.js';
import type { AwsTask } from './aws.task.js';
import { CURRENT } from './aws.versions.js';

/** A content as AWS gives it, and the id of its version. */
export type StoredValue = { readonly SecretString?: string | undefined; readonly VersionId?: string | undefined };

/** By stored name: the current content, or the name of the error that AWS has for that secret. */
export type BatchAnswers = ReadonlyMap<string, StoredValue | string>;

/**
 * Asks for the contents of secrets by whole stored names, of which there are at most twenty. AWS may divide its answer,
 * gives them in an order of its own and says what is wrong with one of them beside the others. There is no answer for a
 * secret that it gave under another name than it was asked for, nor for a version that is not the current one.
 * @throws VaultError for a batch that is refused as a whole, PERMISSION_DENIED when batches are not allowed at all
 */
export async function readBatch(
  client: SecretsManagerClient,
  task: AwsTask,
  ids: ReadonlySet<string>,
): Promise<BatchAnswers> {
  const answers = new Map<string, StoredValue | string>();
  const SecretIdList = [...ids];
  let NextToken: string | undefined;
  // Never more pages than secrets, for whatever answers without end.
  for (let page = 0; page < ids.size; page += 1) {
    const input = { SecretIdList, ...(NextToken === undefined ? {} : { NextToken }) };
    const answer = await client.request(task, 'BatchGetSecretValue', input);
    for (const value of answer.SecretValues ?? [])
      if (value.Name !== undefined && value.VersionStages?.includes(CURRENT)) answers.set(value.Name, value);
    for (const { SecretId, ErrorCode } of answer.Errors ?? [])
      if (SecretId !== undefined && ErrorCode !== undefined) answers.set(SecretId, ErrorCode);
    NextToken = answer.NextToken;
    if (!NextToken) break;
  }
  return answers;
}
