import {
  isVaultError,
  type AdapterCall,
  type CheckStatus,
  type VaultCheck,
  type VaultErrorCode,
} from '@claviger/vaults/contract';
import type { KvAdapter } from './kv.adapter.js';
import { kvError } from './kv.errors.js';
import { identityOf, type ServerState } from './kv.server.js';
import type { KvTask } from './kv.wire.js';

/** What a check asks, in this order; each step throws a VaultError where it finds a reason not to go on. */
export type CheckSteps = {
  readonly address: string;
  askServer(task: KvTask): Promise<ServerState | undefined>;
  logIn(task: KvTask): Promise<void>;
  /** Undefined: no mount was asked about. */
  readonly adapter: KvAdapter | undefined;
  /** What the credentials may do with contents there; undefined when they may not ask. */
  granted(task: KvTask, flavour: 'kv1' | 'kv2'): Promise<readonly string[] | undefined>;
};

const STATUS: Partial<Record<VaultErrorCode, CheckStatus>> = {
  SEALED: 'sealed',
  UNAUTHENTICATED: 'unauthenticated',
  PERMISSION_DENIED: 'no_permission',
  MISCONFIGURED: 'misconfigured',
  ADDRESS_DENIED: 'misconfigured',
  INVALID_NAME: 'misconfigured',
};

/** Answers "can I use this?" step by step. Never throws: a failure is a status with the error's message. */
export async function checkVault(call: AdapterCall, steps: CheckSteps): Promise<VaultCheck> {
  const task: KvTask = { call, operation: 'check', subject: steps.address };
  const startedMs = performance.now();
  let known: Partial<VaultCheck> = {};
  let latencyMs = 0;
  try {
    const server = await steps.askServer(task).finally(() => {
      latencyMs = Math.round(performance.now() - startedMs);
    });
    known = {
      ...(server && { product: server.product }),
      ...(server?.version !== undefined && { version: server.version }),
    };
    if (server && !server.initialized) {
      throw kvError(task, 'MISCONFIGURED', 'the server is not initialised as a vault; initialise it');
    }
    if (server?.sealed) throw kvError(task, 'SEALED', 'the vault is sealed; unseal it');
    known = { ...known, serverIdentity: identityOf(server, steps.address, task) };
    await steps.logIn(task);
    if (steps.adapter) {
      const flavour = await steps.adapter.flavour(call);
      const granted = await steps.granted(task, flavour);
      if (granted && !granted.includes('root') && !granted.includes('read')) {
        throw kvError(task, 'PERMISSION_DENIED', 'the credentials may not read secrets there; add it to their policy');
      }
      known = { ...known, flavour, capabilities: await steps.adapter.capabilities(call) };
    }
    return { ...known, status: 'ready', message: 'The vault is ready.', latencyMs };
  } catch (error) {
    if (!isVaultError(error)) throw error;
    return { ...known, status: STATUS[error.vaultCode] ?? 'unreachable', message: error.message, latencyMs };
  }
}
