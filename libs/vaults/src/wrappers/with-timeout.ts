import type { Clock } from '@claviger/kernel';
import { VaultError, type AdapterOperation, type VaultAdapter } from '../contract/index.js';
import { intercept, type Invocation } from './intercept.js';

/** How long one attempt of an operation may take, in milliseconds. */
export type OperationTimeouts = { readonly default: number } & Readonly<Partial<Record<AdapterOperation, number>>>;

/**
 * Gives up an attempt that takes too long with TIMEOUT, and one whose caller gives up with CANCELLED, whether or not
 * the adapter reacts to its signal, which is aborted in both cases. Of a write that was under way the outcome is
 * unknown either way. Leaves no listener on the caller's signal, which may outlive many calls.
 */
export function withTimeout(adapter: VaultAdapter, timeouts: OperationTimeouts, clock: Clock): VaultAdapter {
  return intercept(adapter, async (invocation) => {
    const { operation, call, run } = invocation;
    if (call.signal.aborted) return run();
    const timeoutMs = timeouts[operation] ?? timeouts.default;
    const attempt = new AbortController();
    const ended = new AbortController();
    let giveUp = (): void => undefined;
    const cancelled = new Promise<never>((_, reject) => {
      giveUp = () => reject(cancellation(invocation));
    });
    call.signal.addEventListener('abort', giveUp, { once: true });
    const expired = clock.sleep(timeoutMs, ended.signal).then(() => {
      throw expiry(invocation, timeoutMs);
    });
    try {
      return await Promise.race([run({ ...call, signal: attempt.signal }), expired, cancelled]);
    } catch (error) {
      // Only now: a signal aborted earlier would let the adapter's own error overtake TIMEOUT.
      attempt.abort();
      throw error;
    } finally {
      call.signal.removeEventListener('abort', giveUp);
      ended.abort();
    }
  });
}

function expiry({ adapter, operation, mutates }: Invocation<unknown>, timeoutMs: number): VaultError {
  return new VaultError({
    code: 'TIMEOUT',
    message: `The vault did not answer within ${timeoutMs} ms.`,
    backend: adapter.kind,
    operation,
    outcomeUnknown: mutates,
    details: { timeoutMs },
  });
}

function cancellation({ adapter, operation, mutates }: Invocation<unknown>): VaultError {
  return new VaultError({
    code: 'CANCELLED',
    message: 'The caller gave up before the vault had answered.',
    backend: adapter.kind,
    operation,
    outcomeUnknown: mutates,
  });
}
