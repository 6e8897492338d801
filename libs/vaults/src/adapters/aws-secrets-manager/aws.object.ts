import { isVaultError } from '@claviger/vaults/contract';
import type { SecretsManagerClient } from './aws.client.js';
import { awsError } from './aws.errors.js';
import type { AwsTask } from './aws.task.js';
import { currentOf } from './aws.versions.js';

/** Tags of AWS itself, which nobody can set. */
const TAGS_OF_AWS = 'aws:';

/** What AWS tells about a secret without its content. */
export type StoredSecret = {
  /** It waits for its deletion, and may still be restored. */
  readonly isWaiting: boolean;
  /** Undefined where it never had a content. */
  readonly currentVersion: string | undefined;
  /** Ids of the versions that carry a label. */
  readonly labelled: readonly string[];
  /** Its tags. */
  readonly metadata: Readonly<Record<string, string>>;
};

/** Looks at a secret, also at one that waits for its deletion; undefined where there is none. @throws VaultError */
export async function look(
  client: SecretsManagerClient,
  task: AwsTask,
  SecretId: string,
): Promise<StoredSecret | undefined> {
  const found = await client.request(task, 'DescribeSecret', { SecretId }).catch((error: unknown) => {
    if (isVaultError(error, 'NOT_FOUND')) return undefined;
    throw error;
  });
  if (!found) return undefined;
  const { DeletedDate, VersionIdsToStages: labels = {}, Tags: tags = [] } = found;
  const own = tags.filter(({ Key: key = '' }) => !key.startsWith(TAGS_OF_AWS));
  return {
    isWaiting: DeletedDate !== undefined,
    currentVersion: currentOf(labels),
    labelled: Object.keys(labels),
    metadata: Object.fromEntries(own.map(({ Key, Value = '' }) => [Key!, Value])),
  };
}

/** Metadata as AWS takes it. */
export function tagsOf(metadata: Readonly<Record<string, string>>): { Key: string; Value: string }[] {
  return Object.entries(metadata).map(([Key, Value]) => ({ Key, Value }));
}

/**
 * AWS refuses nearly everything about a secret that waits for its deletion, with an error that has other reasons too:
 * so it is looked at.
 */
export async function isWaiting(client: SecretsManagerClient, task: AwsTask, id: string): Promise<boolean> {
  return (await look(client, task, id))?.isWaiting === true;
}

export const pendingDeletion = (task: AwsTask): Error =>
  awsError(
    task,
    'PENDING_DELETION',
    'a secret of that name waits for its deletion in AWS; restore it there, delete it there for good, or use another name',
  );
