import { z } from 'zod';
import type { KvClient } from './kv.client.js';
import { parseAnswer } from './kv.engine.js';
import { answerError, kvError } from './kv.errors.js';
import { vaultPath } from './kv.path.js';
import type { KvTask } from './kv.wire.js';

/** What a server tells everyone about itself. */
export type ServerState = {
  readonly initialized: boolean;
  readonly sealed: boolean;
  /** Absent while the server is sealed. */
  readonly clusterId: string | undefined;
  readonly version: string | undefined;
  readonly product: 'openbao' | 'vault';
};

const sealStatusSchema = z.object({
  initialized: z.boolean(),
  sealed: z.boolean(),
  version: z.string().optional(),
  cluster_id: z.string().optional(),
  /** Only OpenBao tells when its source was committed; Vault tells when it was built. */
  commit_date: z.string().optional(),
});

/**
 * Asks for the seal status, which a sealed, a standby and an uninitialised server answer alike with 200.
 * @returns undefined when the server does not have the route: only KV paths are offered at this address
 * @throws VaultError when it cannot be asked, or something else answers
 */
export async function askServer(client: KvClient, task: KvTask): Promise<ServerState | undefined> {
  const request = { method: 'GET', path: vaultPath('sys/seal-status'), namespaced: false } as const;
  const answer = await client.send(task, request);
  if ([401, 403, 404, 405].includes(answer.status)) return undefined;
  if (answer.status !== 200) throw answerError(task, answer);
  const found = parseAnswer(task, answer, sealStatusSchema);
  return {
    initialized: found.initialized,
    sealed: found.sealed,
    clusterId: found.cluster_id === '' ? undefined : found.cluster_id,
    version: found.version,
    product: found.commit_date === undefined ? 'vault' : 'openbao',
  };
}

/**
 * Names the server: its cluster id, or its address where it has none.
 * @throws VaultError SEALED: a sealed server does not tell its cluster id, and its address would be another identity
 */
export function identityOf(state: ServerState | undefined, address: string, task: KvTask): string {
  if (state?.clusterId !== undefined) return state.clusterId;
  if (state?.sealed) throw kvError(task, 'SEALED', 'the vault is sealed; unseal it');
  const url = new URL(address);
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`;
}
