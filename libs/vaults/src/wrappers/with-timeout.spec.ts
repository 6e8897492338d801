import { getEventListeners, getMaxListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { FakeClock } from '@claviger/testing';
import { ReferenceAdapter } from '@claviger/vaults/conformance';
import { VaultError, type AdapterCall, type VaultAdapter } from '../contract/index.js';
import { intercept, type Around } from './intercept.js';
import { withTimeout } from './with-timeout.js';

const content = new SecretValue('{"n":"1"}');
const TIMEOUTS = { default: 1000, list: 3000 };

let clock: FakeClock;
let caller: AbortController;
let call: AdapterCall;

beforeEach(() => {
  clock = new FakeClock();
  caller = new AbortController();
  call = { requestId: 'r', signal: caller.signal };
});

const timed = (around: Around): VaultAdapter => withTimeout(intercept(new ReferenceAdapter(), around), TIMEOUTS, clock);
const hanging: Around = () => new Promise(() => undefined);
const answeringAfter =
  (ms: number): Around =>
  async ({ run }) => {
    await clock.sleep(ms);
    return run();
  };
/** Gives up at once when its signal aborts, as a good adapter does. */
const attentive: Around = ({ call: { signal }, operation }) =>
  new Promise((_, reject) => {
    const error = new VaultError({ code: 'CANCELLED', message: 'Given up.', backend: 'reference', operation });
    signal.addEventListener('abort', () => reject(error));
  });

const list = { prefix: '', recursive: true, limit: 1 };
const OPERATIONS: readonly (readonly [
  name: string,
  start: (adapter: VaultAdapter) => Promise<unknown>,
  afterMs: number,
  mutates: boolean,
])[] = [
  ['read', (adapter) => adapter.read(call, 'a'), 1000, false],
  ['describe', (adapter) => adapter.describe(call, 'a'), 1000, false],
  ['list', (adapter) => adapter.list(call, list), 3000, false],
  ['create', (adapter) => adapter.create(call, 'a', content), 1000, true],
  ['put', (adapter) => adapter.put(call, 'a', content), 1000, true],
  ['setMetadata', (adapter) => adapter.setMetadata(call, 'a', {}), 1000, true],
  ['softDelete', (adapter) => adapter.softDelete(call, 'a', []), 1000, true],
  ['undelete', (adapter) => adapter.undelete(call, 'a', []), 1000, true],
  ['destroy', (adapter) => adapter.destroy(call, 'a', []), 1000, true],
  ['purge', (adapter) => adapter.purge(call, 'a'), 1000, true],
];

describe('withTimeout', () => {
  describe.each(OPERATIONS)('%s', (operation, start, afterMs, mutates) => {
    it.each([
      ['ignores its signal', hanging],
      ['heeds its signal', attentive],
    ])('ends with TIMEOUT when the adapter does not answer and %s', async (_, around) => {
      const result = start(timed(around)).catch((error: unknown) => error);
      await clock.advance(afterMs - 1);
      expect(clock.sleeping).toBe(1);
      await clock.advance(1);
      expect(await result).toMatchObject({
        vaultCode: 'TIMEOUT',
        operation,
        backend: 'reference',
        outcomeUnknown: mutates,
      });
    });

    it('ends with CANCELLED when the caller gives up under way', async () => {
      const result = start(timed(hanging)).catch((error: unknown) => error);
      await clock.advance(500);
      caller.abort();
      expect(await result).toMatchObject({ vaultCode: 'CANCELLED', operation, outcomeUnknown: mutates });
    });
  });

  it('passes on what is answered in time', async () => {
    const result = timed(answeringAfter(999)).put(call, 'a', content);
    await expect(clock.run(result)).resolves.toEqual({ version: '1' });
  });

  it('passes on errors of the adapter as they are', async () => {
    await expect(clock.run(timed(({ run }) => run()).read(call, 'a'))).rejects.toMatchObject({
      vaultCode: 'NOT_FOUND',
    });
  });

  it('leaves the answer to the adapter when the caller had given up before', async () => {
    caller.abort();
    const result = timed(({ run }) => run()).put(call, 'a', content);
    await expect(result).rejects.toMatchObject({ vaultCode: 'CANCELLED', outcomeUnknown: false });
  });

  it('tells the adapter to give up, in time-outs and cancellations', async () => {
    const signals: AbortSignal[] = [];
    const adapter = timed((invocation) => {
      signals.push(invocation.call.signal);
      return hanging(invocation);
    });
    const expired = adapter.read(call, 'a').catch(() => undefined);
    await clock.advance(1000);
    await expired;
    expect(signals.map((signal) => signal.aborted)).toEqual([true]);
    const cancelled = adapter.read(call, 'a').catch(() => undefined);
    caller.abort();
    await cancelled;
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true]);
  });

  it('leaves neither a timer nor a listener behind, however a call ends', async () => {
    await clock.run(timed(({ run }) => run()).put(call, 'a', content));
    await timed(({ run }) => run())
      .read(call, 'absent')
      .catch(() => undefined);
    expect(clock.sleeping).toBe(0);
    const expired = timed(hanging)
      .read(call, 'a')
      .catch(() => undefined);
    await clock.advance(1000);
    await expired;
    expect(clock.sleeping).toBe(0);
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
  });

  it('gives the attempt up with one reason that costs no stack trace', async () => {
    const signals: AbortSignal[] = [];
    const adapter = timed((invocation) => {
      signals.push(invocation.call.signal);
      return hanging(invocation);
    });
    const calls = [adapter.read(call, 'a'), adapter.put(call, 'a', content)].map((one) => one.catch(() => undefined));
    caller.abort();
    await Promise.all(calls);
    const [first, second] = signals.map(({ reason }) => reason as Error);
    expect(first).toMatchObject({ name: 'AbortError' });
    expect(second).toBe(first);
    expect(Object.isFrozen(first)).toBe(true);
  });

  describe('under an adapter that throws instead of rejecting', () => {
    const mistake = new Error('thrown');
    const throwing: Around = () => {
      throw mistake;
    };
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    beforeEach(() => {
      unhandled.length = 0;
      process.on('unhandledRejection', note);
    });
    afterEach(() => void process.off('unhandledRejection', note));

    it('rejects, and leaves nothing behind that nobody handles', async () => {
      await expect(timed(throwing).read(call, 'a')).rejects.toBe(mistake);
      await clock.settle();
      expect(unhandled).toEqual([]);
      expect(clock.sleeping).toBe(0);
      expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
    });

    it('rejects also where the caller had given up before', async () => {
      caller.abort();
      await expect(timed(throwing).read(call, 'a')).rejects.toBe(mistake);
    });
  });

  it('lets more calls share a signal than Node takes for normal', async () => {
    const calls = Array.from({ length: 30 }, () =>
      timed(hanging)
        .read(call, 'a')
        .catch(() => undefined),
    );
    await clock.settle();
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(30);
    // No limit; beyond one Node warns of a leak.
    expect(getMaxListeners(caller.signal)).toBe(Infinity);
    caller.abort();
    await Promise.all(calls);
  });
});
