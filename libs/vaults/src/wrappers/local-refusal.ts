import { isVaultError, VaultError, type VaultErrorCode } from '../contract/index.js';
import type { Invocation } from './intercept.js';

/** Which wrapper refused a call. */
export type Refuser = 'circuit_breaker' | 'rate_limiter';

/** An error for a call that a wrapper refused before the vault saw it; `details.refusedBy` says which one. */
export function localRefusal(
  { adapter, operation }: Pick<Invocation<unknown>, 'adapter' | 'operation'>,
  refusal: { code: VaultErrorCode; message: string; refusedBy: Refuser; retryAfterMs: number },
): VaultError {
  const { code, message, refusedBy, retryAfterMs } = refusal;
  return new VaultError({
    code,
    message,
    backend: adapter.kind,
    operation,
    retryAfterMs,
    outcomeUnknown: false,
    details: { refusedBy },
  });
}

/** True when a wrapper refused the call, so that the vault never saw it and nothing is known about the vault. */
export function isLocalRefusal(error: unknown): boolean {
  return isVaultError(error) && error.details?.['refusedBy'] !== undefined;
}
