import { isVaultError, type VaultAdapter, type VaultErrorCode } from '../contract/index.js';
import type { CircuitBreaker, Evidence } from './circuit-breaker.js';
import { intercept } from './intercept.js';
import { isLocalRefusal, localRefusal } from './local-refusal.js';

/**
 * What each failure shows about the vault's health. Answers that only a working vault gives are a success. Nothing is
 * shown by what may have been decided before the wire, by a caller who gave up, and by throttling: the vault is alive,
 * but letting everyone back in is not what it asks for.
 */
export const EVIDENCE: Readonly<Record<VaultErrorCode, Evidence>> = {
  UNAVAILABLE: 'failure',
  TIMEOUT: 'failure',
  SEALED: 'failure',
  NOT_FOUND: 'success',
  VERSION_NOT_FOUND: 'success',
  VERSION_UNAVAILABLE: 'success',
  ALREADY_EXISTS: 'success',
  VERSION_CONFLICT: 'success',
  IDEMPOTENCY_CONFLICT: 'success',
  PENDING_DELETION: 'success',
  INVALID_STATE: 'success',
  UNAUTHENTICATED: 'success',
  PERMISSION_DENIED: 'success',
  QUOTA_EXCEEDED: 'success',
  KEY_UNUSABLE: 'success',
  THROTTLED: 'none',
  CANCELLED: 'none',
  INVALID_NAME: 'none',
  INVALID_VALUE: 'none',
  TOO_LARGE: 'none',
  MISCONFIGURED: 'none',
  ADDRESS_DENIED: 'none',
  UNSUPPORTED: 'none',
  INTERNAL: 'none',
};

/**
 * Asks the breaker, which all adapters of one instance share, before every call, and tells it the outcome. Refuses
 * with UNAVAILABLE and the time to wait.
 * @param name the instance, for the message
 */
export function withCircuitBreaker(adapter: VaultAdapter, breaker: CircuitBreaker, name: string): VaultAdapter {
  return intercept(adapter, async (invocation) => {
    const admission = breaker.admit();
    if (!admission.isAdmitted) {
      const { retryAfterMs } = admission;
      const message = `Vault instance ${name} has failed repeatedly and is left alone for another ${retryAfterMs} ms.`;
      throw localRefusal(invocation, { code: 'UNAVAILABLE', message, refusedBy: 'circuit_breaker', retryAfterMs });
    }
    try {
      const result = await invocation.run();
      // Capabilities may be known without asking the vault.
      admission.settle(invocation.operation === 'capabilities' ? 'none' : 'success');
      return result;
    } catch (error) {
      admission.settle(isVaultError(error) && !isLocalRefusal(error) ? EVIDENCE[error.vaultCode] : 'none');
      throw error;
    }
  });
}
