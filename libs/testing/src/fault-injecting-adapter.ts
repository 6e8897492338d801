import {
  VaultError,
  type AdapterOperation,
  type ReadAnswer,
  type VaultAdapter,
  type VaultErrorCode,
} from '@claviger/vaults/contract';
import { intercept } from '@claviger/vaults/wrappers';
import { systemClock, type Clock } from '@claviger/kernel';

/** What happens to one call. An error is a `VaultError`, or the code of one to be made for the call. */
export type Fault =
  /** Refused before the vault sees it. */
  | { readonly type: 'error-before'; readonly error: VaultErrorCode | VaultError }
  /** Applied, and the acknowledgement lost. */
  | { readonly type: 'error-after'; readonly error: VaultErrorCode | VaultError }
  /** A bulk read goes through, but for one of its names. */
  | { readonly type: 'error-of-one'; readonly name: string; readonly error: VaultErrorCode | VaultError }
  /** Passed on after a while. */
  | { readonly type: 'delay'; readonly ms: number }
  /** Answered with the error now, and applied a while later all the same: a zombie. */
  | { readonly type: 'applied-late'; readonly error: VaultErrorCode | VaultError; readonly ms: number };

/**
 * Decides about a call; undefined passes it on unharmed.
 * @param index counts the calls of this adapter from 0, over all operations
 * @param name the physical name that the call is about, those of a bulk read one a line; a list's prefix; empty for `capabilities`
 */
export type FaultScript = (operation: AdapterOperation, index: number, name: string) => Fault | undefined;

/** An adapter that fails as scripted and is otherwise the given one. */
export function injectFaults(adapter: VaultAdapter, script: FaultScript, clock: Clock = systemClock): VaultAdapter {
  let calls = 0;
  return intercept(adapter, async ({ operation, call, args, run }) => {
    const fault = script(operation, calls++, nameOf(args[0]));
    if (fault === undefined) return run();
    if (fault.type === 'delay') {
      await clock.sleep(fault.ms, call.signal).catch(() => undefined);
      return run();
    }
    const isApplied = !['error-before', 'error-of-one'].includes(fault.type);
    const error = errorOf(fault.error, { backend: adapter.kind, operation, isApplied });
    if (fault.type === 'error-of-one') return spoilOne(await run(), fault.name, error);
    if (fault.type === 'error-after') await run().catch(() => undefined); // a lost refusal looks the same
    if (fault.type === 'applied-late') {
      // The caller is gone by then: neither its signal nor the outcome reaches anyone.
      const orphaned = { ...call, signal: new AbortController().signal };
      void clock
        .sleep(fault.ms)
        .then(() => run(orphaned))
        .catch(() => undefined);
    }
    throw error;
  });
}

/** What is no bulk read has no answers, and comes out as it is. */
function spoilOne<T>(result: T, name: string, error: VaultError): T {
  if (!Array.isArray(result)) return result;
  const answers = result as readonly ReadAnswer[];
  return answers.map((answer): ReadAnswer => (answer.name === name ? { name, error } : answer)) as T;
}

function nameOf(argument: unknown): string {
  if (typeof argument === 'string') return argument;
  if (Array.isArray(argument)) return argument.join('\n');
  return (argument as { prefix?: string } | undefined)?.prefix ?? '';
}

function errorOf(
  error: VaultErrorCode | VaultError,
  about: { backend: string; operation: AdapterOperation; isApplied: boolean },
): VaultError {
  if (error instanceof VaultError) return error;
  const { backend, operation, isApplied } = about;
  const message = `Injected for a test: ${error} on ${operation}.`;
  return new VaultError({ code: error, message, backend, operation, ...(isApplied ? { outcomeUnknown: true } : {}) });
}
