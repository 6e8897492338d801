import { setMaxListeners } from 'node:events';
import type { Clock } from '@claviger/kernel';
import { VaultError, type AdapterCall, type AdapterOperation, type VaultAdapter } from '../contract/index.js';
import { intercept, type Invocation } from './intercept.js';

/** How long one attempt of an operation may take, in milliseconds. */
export type OperationTimeouts = { readonly default: number } & Readonly<Partial<Record<AdapterOperation, number>>>;

/** Frozen and made once: an abort without a reason makes an error with a stack trace, for every call. */
const GIVEN_UP = Object.freeze(new DOMException('The attempt was given up.', 'AbortError'));
const ENDED = Object.freeze(new DOMException('The attempt has ended.', 'AbortError'));

/**
 * Gives up an attempt that takes too long with TIMEOUT, and one whose caller gives up with CANCELLED, whether or not
 * the adapter reacts to its signal, which is aborted in both cases. Of a write that was under way the outcome is
 * unknown either way. Leaves no listener on the caller's signal, which may outlive many calls and be shared by any
 * number of them.
 */
export function withTimeout(adapter: VaultAdapter, timeouts: OperationTimeouts, clock: Clock): VaultAdapter {
  return intercept(adapter, <T>(invocation: Invocation<T>) => {
    const { operation, call } = invocation;
    if (call.signal.aborted) return start(invocation, call);
    const timeoutMs = timeouts[operation] ?? timeouts.default;
    // Node warns of the eleventh listener on one signal.
    setMaxListeners(Infinity, call.signal);
    return new Promise<T>((resolve, reject) => {
      const attempt = new AbortController();
      const ended = new AbortController();
      const end = (): void => {
        call.signal.removeEventListener('abort', cancel);
        ended.abort(ENDED);
      };
      const fail = (error: unknown): void => {
        end();
        // Before the abort: the adapter's own error about that must not overtake TIMEOUT.
        reject(error as Error);
        attempt.abort(GIVEN_UP);
      };
      const cancel = (): void => fail(cancellation(invocation));
      call.signal.addEventListener('abort', cancel, { once: true });
      clock.sleep(timeoutMs, ended.signal).then(
        () => fail(expiry(invocation, timeoutMs)),
        () => undefined,
      );
      start(invocation, { ...call, signal: attempt.signal }).then((result) => (end(), resolve(result)), fail);
    });
  });
}

/** Rejects also where an adapter throws instead. */
async function start<T>({ run }: Invocation<T>, call: AdapterCall): Promise<T> {
  return run(call);
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
