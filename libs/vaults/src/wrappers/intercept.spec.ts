import { describe, expect, it } from '@jest/globals';
import { ADAPTER_OPERATIONS, type AdapterOperation, type VaultAdapter } from '../contract/index.js';
import { intercept, type Invocation } from './intercept.js';

const operations = Object.keys(ADAPTER_OPERATIONS) as AdapterOperation[];
const call = { requestId: 'r', signal: new AbortController().signal };

/** Answers every operation with what it was asked; has private state, as real adapters do. */
class Echo {
  readonly kind = 'echo';
  readonly #name = 'echo';
  static {
    for (const operation of operations) {
      Object.defineProperty(Echo.prototype, operation, {
        value: async function (this: Echo, ...args: unknown[]) {
          return [this.#name, operation, ...args];
        },
      });
    }
  }
}

const echo = new Echo() as unknown as VaultAdapter;
type AnyMethod = (...args: unknown[]) => Promise<unknown>;

describe('intercept', () => {
  it.each(operations)('passes %s on with all it was asked, and its result back', async (operation) => {
    const wrapped = intercept(echo, ({ run }) => run());
    await expect((wrapped[operation] as unknown as AnyMethod)(call, 'a', 'b', 'c')).resolves.toEqual([
      'echo',
      operation,
      call,
      'a',
      'b',
      'c',
    ]);
  });

  it.each(operations)('tells what %s does', async (operation) => {
    const seen: Invocation<unknown>[] = [];
    const wrapped = intercept(echo, (invocation) => {
      seen.push(invocation as Invocation<unknown>);
      return invocation.run();
    });
    await (wrapped[operation] as unknown as AnyMethod)(call, 'name');
    expect(seen).toEqual([
      expect.objectContaining({ adapter: echo, operation, call, args: ['name'], ...ADAPTER_OPERATIONS[operation] }),
    ]);
  });

  it('makes the call with another signal where one is given, and again where asked', async () => {
    const other = { ...call, requestId: 'other' };
    const wrapped = intercept(echo, async ({ run }) => {
      await run();
      return run(other);
    });
    await expect((wrapped.read as unknown as AnyMethod)(call, 'name')).resolves.toEqual([
      'echo',
      'read',
      other,
      'name',
    ]);
  });

  it('keeps the kind', () => {
    expect(intercept(echo, ({ run }) => run()).kind).toBe('echo');
  });
});
