import { SecretValue } from '@claviger/kernel';
import type { VaultCapabilities } from '@claviger/vaults/contract';
import { z } from 'zod';
import { DEFAULT_MAX_VERSIONS, KV2_CAPABILITIES } from './kv.capabilities.js';
import { answerError } from './kv.errors.js';
import { parseAnswer, type KvMount } from './kv.engine.js';
import { vaultPath } from './kv.path.js';
import type { KvTask } from './kv.wire.js';

const configSchema = z.object({ data: z.object({ max_versions: z.number().int().nonnegative() }) });
const grantedSchema = z.object({ data: z.record(z.string(), z.array(z.string())) });

/** A name that stands for any below the prefix. */
const ANY_NAME = 'claviger-probe';

/** The card of this mount for these credentials: how many versions it keeps, and whether they may write metadata. */
export async function readCard(mount: KvMount, task: KvTask): Promise<VaultCapabilities> {
  const [maxVersions, granted] = await Promise.all([readMaxVersions(mount, task), grantedOn(mount, task, 'metadata')]);
  // Unknown counts as allowed: a refusal then says so when it happens.
  return { ...KV2_CAPABILITIES, maxVersions, metadata: granted === undefined || mayWriteMetadata(granted) };
}

/**
 * What the credentials may do with objects below the prefix, in the server's words (`create`, `read` …, `root`, `deny`).
 * Undefined when they may not ask.
 */
export async function grantedOn(
  mount: KvMount,
  task: KvTask,
  ...area: readonly string[]
): Promise<readonly string[] | undefined> {
  const path = [mount.mount, ...area, mount.prefix ?? '', ANY_NAME].filter((part) => part !== '').join('/');
  const body = new SecretValue(JSON.stringify({ paths: [path] }));
  const answer = await mount.send(task, { method: 'POST', path: vaultPath('sys/capabilities-self'), body });
  if (answer.status === 403 || answer.status === 404) return undefined;
  if (answer.status !== 200) throw answerError(task, answer);
  return parseAnswer(task, answer, grantedSchema).data[path];
}

function mayWriteMetadata(granted: readonly string[]): boolean {
  return granted.includes('root') || ['create', 'read', 'update'].every((capability) => granted.includes(capability));
}

/** The mount's own limit. A key can only raise it; without the right to ask, the default is promised. */
async function readMaxVersions(mount: KvMount, task: KvTask): Promise<number> {
  const answer = await mount.send(task, { method: 'GET', path: vaultPath(mount.mount, 'config') });
  if (answer.status === 403) return DEFAULT_MAX_VERSIONS;
  if (answer.status !== 200) throw answerError(task, answer);
  return parseAnswer(task, answer, configSchema).data.max_versions || DEFAULT_MAX_VERSIONS;
}
