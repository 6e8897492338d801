import { isVaultError, type VaultError } from '@claviger/vaults/contract';
import { classifyWireFailure } from '@claviger/vaults/network';
import { kvError } from './kv.errors.js';
import type { KvTask } from './kv.wire.js';

/** The error for a request that got no whole answer. Keeps nothing of the original, which may quote what was sent. */
export function wireError(task: KvTask, error: unknown, mutates: boolean): VaultError {
  if (isVaultError(error)) return error;
  if (task.call.signal.aborted) return cancelled(task, mutates);
  const { code, says, mayBeSent } = classifyWireFailure(error);
  return kvError(task, code, says, mayBeSent ? { outcomeUnknown: mutates } : {});
}

/** What a call gets whose signal aborted. */
export function cancelled(task: KvTask, outcomeUnknown: boolean): VaultError {
  return kvError(task, 'CANCELLED', 'the caller gave up', { outcomeUnknown });
}
