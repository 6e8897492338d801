import { VaultError, type AdapterOperation, type VaultErrorCode, type VaultErrorInit } from '@claviger/vaults/contract';
import { QueryFailedError } from 'typeorm';

export const BUILTIN_KIND = 'builtin';

type BuiltinOperation = AdapterOperation | 'check';

/** SQLSTATE classes that are not a defect of ours (PostgreSQL, appendix A). */
const BY_CLASS: Readonly<Record<string, { readonly code: VaultErrorCode; readonly message: string }>> = {
  '08': { code: 'UNAVAILABLE', message: 'The database of the built-in vault closed the connection.' },
  '22': { code: 'INVALID_VALUE', message: 'The metadata holds a character that the built-in vault cannot store.' },
  '40': {
    code: 'UNAVAILABLE',
    message: 'The database of the built-in vault rolled back because of a concurrent change.',
  },
  '53': { code: 'UNAVAILABLE', message: 'The database of the built-in vault is out of connections, memory or disk.' },
  '57': { code: 'UNAVAILABLE', message: 'The database of the built-in vault is shutting down.' },
};
// Classes of SQLSTATE never start with E, names of system errors (EPIPE) do.
const SQLSTATE = /^(?!E)[0-9A-Z]{5}$/;

/** An error of the built-in vault. */
export function builtinError(
  operation: BuiltinOperation,
  code: VaultErrorCode,
  message: string,
  extra: Pick<VaultErrorInit, 'details' | 'outcomeUnknown'> = {},
): VaultError {
  return new VaultError({ code, message, backend: BUILTIN_KIND, operation, ...extra });
}

/**
 * Translates what a query failed with: by its SQLSTATE, else as a lost connection. Never passes the text on.
 * `outcomeUnknown` is true when the connection was lost after the statement may have been sent.
 */
export function translateQueryError(operation: BuiltinOperation, error: unknown): VaultError {
  const isSent = error instanceof QueryFailedError;
  const state = (isSent ? (error.driverError as { code?: unknown }) : (error as { code?: unknown })).code;
  if (typeof state !== 'string' || !SQLSTATE.test(state)) {
    const message = 'The database of the built-in vault is not reachable.';
    return builtinError(operation, 'UNAVAILABLE', message, { outcomeUnknown: isSent });
  }
  const known = BY_CLASS[state.slice(0, 2)];
  return new VaultError({
    code: known?.code ?? 'INTERNAL',
    message: known?.message ?? `The database refused a statement of the built-in vault (SQLSTATE ${state}).`,
    backend: BUILTIN_KIND,
    operation,
    backendCode: state,
  });
}
