import { isVaultError, type VaultError, type VaultErrorCode } from '@claviger/vaults/contract';
import { kvError } from './kv.errors.js';
import type { KvTask } from './kv.wire.js';

/** Nothing was sent when one of these is the reason: there was no connection to send on. */
const NOT_CONNECTED: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at the address',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be resolved now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  UND_ERR_CONNECT_TIMEOUT: 'the host does not accept connections',
};

const TLS_CODE =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH$|EPROTO$)/;

/** The error for a request that got no whole answer. Keeps nothing of the original, which may quote what was sent. */
export function wireError(task: KvTask, error: unknown, mutates: boolean): VaultError {
  if (isVaultError(error)) return error;
  if (task.call.signal.aborted) return cancelled(task, mutates);
  const code = codeOf(error);
  const unreached = NOT_CONNECTED[code];
  if (unreached !== undefined) return kvError(task, 'UNAVAILABLE', unreached);
  if (TLS_CODE.test(code)) {
    const says = `no TLS connection (${code}); check address, CA certificate, server name and client certificate`;
    return kvError(task, 'MISCONFIGURED', says);
  }
  const [vaultCode, says] = broken(code);
  return kvError(task, vaultCode, says, { outcomeUnknown: mutates });
}

/** What a call gets whose signal aborted. */
export function cancelled(task: KvTask, outcomeUnknown: boolean): VaultError {
  return kvError(task, 'CANCELLED', 'the caller gave up', { outcomeUnknown });
}

function broken(code: string): readonly [VaultErrorCode, string] {
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return ['TOO_LARGE', 'the answer is larger than Claviger accepts'];
  if (code.startsWith('HPE_')) return ['UNAVAILABLE', 'the answer is not HTTP'];
  return ['UNAVAILABLE', 'the connection broke before the answer was complete'];
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
