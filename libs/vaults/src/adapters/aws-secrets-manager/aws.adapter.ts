import { isAppError, SecretValue } from '@claviger/kernel';
import {
  isAboutOneObject,
  isNameAllowed,
  isVaultError,
  parseContent,
  type AdapterCall,
  type AdapterOperation,
  type BackendVersion,
  type ListPage,
  type ListQuery,
  type ObjectDescription,
  type ReadAnswer,
  type ReadResult,
  type VaultAdapter,
  type VaultCapabilities,
  type VaultContent,
  type VersionsWanted,
  type WriteCondition,
  type WriteReceipt,
} from '@claviger/vaults/contract';
import { readBatch, type BatchAnswers, type StoredValue } from './aws.batch.js';
import { awsCapabilities, MAX_BULK_READ, MAX_CONTENT_BYTES } from './aws.capabilities.js';
import { cancelled, type SecretsManagerClient } from './aws.client.js';
import { answerError, AWS_KIND, awsError } from './aws.errors.js';
import { listNames, type StoredNames, type StoredPage } from './aws.listing.js';
import { encodeName } from './aws.names.js';
import { isWaiting, look, tagsOf, type StoredSecret } from './aws.object.js';
import type { AwsConfig } from './aws.settings.js';
import type { AwsTask } from './aws.task.js';
import { CURRENT, isVersionId, orderVersions } from './aws.versions.js';
import { AwsWriting } from './aws.writing.js';

const PAGE = 100;

/**
 * The secrets of one account and region whose names begin with a mount, which is a prefix and nothing that must be
 * made.
 */
export class AwsSecretsManagerAdapter implements VaultAdapter {
  readonly kind = AWS_KIND;
  readonly #card: VaultCapabilities;
  readonly #below: string;
  readonly #where: string;
  readonly #writing: AwsWriting;

  constructor(
    private readonly client: SecretsManagerClient,
    private readonly config: AwsConfig,
    mount: string,
  ) {
    this.#below = storedPrefix(mount);
    this.#card = awsCapabilities(this.#below, config.forceDelete);
    this.#where = mount === '' ? `AWS ${config.region}` : `AWS ${config.region}, prefix ${JSON.stringify(mount)}`;
    this.#writing = new AwsWriting(client, config.kmsKeyId, config.recoveryWindowDays);
  }

  capabilities(call: AdapterCall): Promise<VaultCapabilities> {
    return this.#run(call, 'capabilities', undefined, async () => this.#card);
  }

  create(
    call: AdapterCall,
    name: string,
    content: VaultContent,
    metadata: Readonly<Record<string, string>> = {},
    reclaim: Readonly<Record<string, string>> = {},
  ): Promise<WriteReceipt> {
    const marks = { metadata, reclaim };
    return this.#run(call, 'create', name, (task, id) => this.#writing.create(task, id, content, marks));
  }

  put(
    call: AdapterCall,
    name: string,
    content: VaultContent,
    { expectedVersion }: WriteCondition = {},
  ): Promise<WriteReceipt> {
    return this.#run(call, 'put', name, (task, id) => {
      if (expectedVersion !== undefined) throw unsupported(task, 'AWS has no compare-and-set');
      return this.#writing.put(task, id, content);
    });
  }

  read(call: AdapterCall, name: string, version?: BackendVersion): Promise<ReadResult> {
    return this.#run(call, 'read', name, async (task, SecretId) => {
      if (version === undefined) return this.#value(task, { SecretId, VersionStage: CURRENT });
      if (isVersionId(version)) {
        try {
          return await this.#value(task, { SecretId, VersionId: version });
        } catch (error) {
          if (!isVaultError(error, 'NOT_FOUND')) throw error;
        }
      }
      await this.#get(task, SecretId);
      throw awsError(task, 'VERSION_NOT_FOUND', 'it has no such version');
    });
  }

  readMany(call: AdapterCall, names: readonly string[]): Promise<readonly ReadAnswer[]> {
    return this.#run(call, 'readMany', undefined, async (whole) => {
      if (names.length > MAX_BULK_READ) throw unsupported(whole, `AWS gives at most ${MAX_BULK_READ} secrets at once`);
      const allowed = names.filter((name) => isNameAllowed(this.#card.name, name));
      const told = await readBatch(this.client, whole, new Set(allowed.map((name) => this.#stored(name))));
      const answers: ReadAnswer[] = [];
      for (const name of names) answers.push(await this.#answer(call, name, told));
      return answers;
    });
  }

  describe(call: AdapterCall, name: string, wanted: VersionsWanted = 'all'): Promise<ObjectDescription> {
    return this.#run(call, 'describe', name, async (task, SecretId) => {
      const { currentVersion, labelled, metadata } = await this.#get(task, SecretId);
      if (wanted === 'current' && currentVersion !== undefined)
        return {
          currentVersion,
          versions: [{ version: currentVersion, state: 'live', createdAt: undefined }],
          metadata,
        };
      if (labelled.length === 0) return { currentVersion, versions: [], metadata };
      const entries = [];
      let NextToken: string | undefined;
      do {
        const input = { SecretId, IncludeDeprecated: true, MaxResults: PAGE, ...(NextToken ? { NextToken } : {}) };
        const page = await this.client.request(task, 'ListSecretVersionIds', input);
        entries.push(...(page.Versions ?? []));
        NextToken = page.NextToken;
      } while (NextToken);
      return { currentVersion, versions: orderVersions(entries), metadata };
    });
  }

  list(call: AdapterCall, query: ListQuery): Promise<ListPage> {
    const folder = query.prefix === '' ? undefined : query.prefix;
    return this.#run(call, 'list', folder, (task) =>
      listNames((page) => this.#storedNames(task, page), this.#below, query),
    );
  }

  setMetadata(call: AdapterCall, name: string, patch: Readonly<Record<string, string>>): Promise<void> {
    return this.#run(call, 'setMetadata', name, async (task, SecretId) => {
      try {
        await this.client.request(task, 'TagResource', { SecretId, Tags: tagsOf(patch) });
      } catch (error) {
        throw await this.#absentIfWaiting(task, SecretId, error);
      }
    });
  }

  softDelete(call: AdapterCall, name: string): Promise<void> {
    return this.#run(call, 'softDelete', name, cannotHide);
  }

  undelete(call: AdapterCall, name: string): Promise<void> {
    return this.#run(call, 'undelete', name, cannotHide);
  }

  destroy(call: AdapterCall, name: string): Promise<void> {
    return this.#run(call, 'destroy', name, async (task) => {
      throw unsupported(task, 'AWS erases no single version');
    });
  }

  purge(call: AdapterCall, name: string): Promise<void> {
    return this.#run(call, 'purge', name, async (task, SecretId) => {
      const { forceDelete, recoveryWindowDays } = this.config;
      const how = forceDelete ? { ForceDeleteWithoutRecovery: true } : { RecoveryWindowInDays: recoveryWindowDays };
      try {
        await this.client.request(task, 'DeleteSecret', { SecretId, ...how });
      } catch (error) {
        if (isVaultError(await this.#absentIfWaiting(task, SecretId, error), 'NOT_FOUND')) return;
        // All else that AWS could mind in this request is checked with the settings.
        if (isVaultError(error, 'INVALID_VALUE'))
          throw awsError(task, 'INVALID_STATE', 'AWS does not delete it; remove its replicas in other regions first');
        throw error;
      }
    });
  }

  /** What a batch told of an object. What it told nothing of is read alone. */
  async #answer(call: AdapterCall, name: string, told: BatchAnswers): Promise<ReadAnswer> {
    try {
      const found = await this.#run(call, 'readMany', name, async (task, SecretId) => {
        const value = told.get(SecretId);
        if (value === undefined) return this.#value(task, { SecretId, VersionStage: CURRENT });
        if (typeof value === 'string')
          throw await this.#absentIfWaiting(task, SecretId, answerError(task, value, {}, false));
        return contentOf(task, value);
      });
      return { name, found };
    } catch (error) {
      if (!isVaultError(error) || !isAboutOneObject(error)) throw error;
      return { name, error };
    }
  }

  async #value(
    task: AwsTask,
    which: { SecretId: string; VersionId?: string; VersionStage?: string },
  ): Promise<ReadResult> {
    try {
      return contentOf(task, await this.client.request(task, 'GetSecretValue', which));
    } catch (error) {
      throw await this.#absentIfWaiting(task, which.SecretId, error);
    }
  }

  /** @throws VaultError NOT_FOUND, also for what waits for its deletion */
  async #get(task: AwsTask, id: string): Promise<StoredSecret> {
    const found = await look(this.client, task, id);
    if (!found || found.isWaiting) throw awsError(task, 'NOT_FOUND', 'it does not exist');
    return found;
  }

  /** What waits for its deletion counts as absent. */
  async #absentIfWaiting(task: AwsTask, id: string, error: unknown): Promise<unknown> {
    if (!isVaultError(error, 'INVALID_STATE') || !(await isWaiting(this.client, task, id))) return error;
    return awsError(task, 'NOT_FOUND', 'it waits for its deletion');
  }

  async #storedNames(
    task: AwsTask,
    { storedPrefix: prefix, limit, after }: Parameters<StoredNames>[0],
  ): Promise<StoredPage> {
    const { SecretList = [], NextToken } = await this.client.request(task, 'ListSecrets', {
      MaxResults: limit,
      ...(prefix === '' ? {} : { Filters: [{ Key: 'name' as const, Values: [prefix] }] }),
      ...(after === undefined ? {} : { NextToken: after }),
    });
    const names = SecretList.flatMap(({ Name, DeletedDate }) => (Name && !DeletedDate ? [Name] : []));
    return { names, next: NextToken || undefined };
  }

  async #run<T>(
    call: AdapterCall,
    operation: AdapterOperation,
    name: string | undefined,
    work: (task: AwsTask, id: string) => Promise<T>,
  ): Promise<T> {
    const subject = name === undefined ? this.#where : `${JSON.stringify(name)} in ${this.#where}`;
    const task = { call, operation, subject };
    if (call.signal.aborted) throw cancelled(task, false);
    if (name !== undefined && !isNameAllowed(this.#card.name, name))
      throw awsError(task, 'INVALID_NAME', `the name is not allowed: ${this.#card.name.description}`);
    return work(task, this.#stored(name ?? ''));
  }

  #stored(name: string): string {
    return this.#below + encodeName(name);
  }
}

/** What the stored names of all objects of a mount begin with. */
export function storedPrefix(mount: string): string {
  return mount === '' ? '' : `${encodeName(mount)}/`;
}

async function cannotHide(task: AwsTask): Promise<never> {
  throw unsupported(task, 'AWS hides no single version');
}

const unsupported = (task: AwsTask, says: string): Error => awsError(task, 'UNSUPPORTED', says);

/** @throws VaultError INVALID_VALUE */
function contentOf(task: AwsTask, { SecretString: text, VersionId: version }: StoredValue): ReadResult {
  if (text === undefined || !isContent(text)) throw noContent(task, version, text === undefined);
  return { content: new SecretValue(text), version };
}

function noContent(task: AwsTask, version: string | undefined, isBytes: boolean): Error {
  const what = isBytes ? 'bytes (SecretBinary)' : 'a text that is no JSON object';
  const details = version === undefined ? {} : { version };
  return awsError(task, 'INVALID_VALUE', `it holds ${what}, which no secret of Claviger can be`, { details });
}

function isContent(text: string): boolean {
  try {
    parseContent(text, MAX_CONTENT_BYTES);
    return true;
  } catch (error) {
    if (isAppError(error)) return false;
    throw error;
  }
}
