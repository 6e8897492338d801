import type { RequestContext } from '@claviger/kernel';
import type { AdapterCall, InstanceSettings, VaultCheck, VaultKind } from '@claviger/vaults/contract';
import { vaultCheckFailed } from './vault-profiles.errors.js';

/** How long a vault has to answer what it is asked about itself. */
const ANSWER_LIMIT_MS = 10_000;

/** Connects with settings that are not stored yet. @throws AppError VAULT_CHECK_FAILED unless the vault is ready */
export async function probeVault(
  ctx: RequestContext,
  kind: VaultKind,
  settings: InstanceSettings,
): Promise<VaultCheck> {
  const connection = kind.connect(settings);
  try {
    return assertReady(await connection.check(requestCall(ctx)));
  } finally {
    await connection.close();
  }
}

/** @throws AppError VAULT_CHECK_FAILED */
export function assertReady(check: VaultCheck): VaultCheck {
  if (check.status !== 'ready') throw vaultCheckFailed(check);
  return check;
}

/** A call that ends with the request, and in any case soon. */
export function requestCall(ctx: RequestContext): AdapterCall {
  const call = sharedCall(ctx);
  return ctx.signal ? { ...call, signal: AbortSignal.any([ctx.signal, call.signal]) } : call;
}

/** A call whose answer others wait for too: it outlives the request that makes it. */
export function sharedCall({ requestId, hops }: RequestContext): AdapterCall {
  return { requestId, signal: AbortSignal.timeout(ANSWER_LIMIT_MS), ...(hops ? { hops } : {}) };
}
