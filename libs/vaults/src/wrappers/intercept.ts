import { ADAPTER_OPERATIONS, type AdapterCall, type AdapterOperation, type VaultAdapter } from '../contract/index.js';

/** One call on its way to an adapter. */
export type Invocation<T> = {
  readonly adapter: VaultAdapter;
  readonly operation: AdapterOperation;
  readonly call: AdapterCall;
  /** Whether it changes something at the vault. */
  readonly mutates: boolean;
  /** Whether repeating it after an unknown outcome is harmless. */
  readonly repeatable: boolean;
  /** What the adapter is asked besides the call: names, contents, conditions. */
  readonly args: readonly unknown[];
  /** Makes the call, with another `AdapterCall` where given; may be called again. */
  readonly run: (call?: AdapterCall) => Promise<T>;
};

/** What a wrapper does about a call; its result is what the caller gets. */
export type Around = <T>(invocation: Invocation<T>) => Promise<T>;

const OPERATIONS = Object.keys(ADAPTER_OPERATIONS) as readonly AdapterOperation[];

/** An adapter that does the same as the given one, with `around` about every operation. */
export function intercept(adapter: VaultAdapter, around: Around): VaultAdapter {
  const wrapped = OPERATIONS.map((operation) => {
    const method = adapter[operation].bind(adapter) as (call: AdapterCall, ...args: unknown[]) => Promise<unknown>;
    const { mutates, repeatable } = ADAPTER_OPERATIONS[operation];
    const invoke = (call: AdapterCall, ...args: unknown[]): Promise<unknown> => {
      const run = (other = call): Promise<unknown> => method(other, ...args);
      return around({ adapter, operation, call, mutates, repeatable, args, run });
    };
    return [operation, invoke] as const;
  });
  return { kind: adapter.kind, ...Object.fromEntries(wrapped) } as VaultAdapter;
}
