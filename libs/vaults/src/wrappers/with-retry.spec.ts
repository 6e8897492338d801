import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { FakeClock } from '@claviger/testing';
import { ReferenceAdapter } from '@claviger/vaults/conformance';
import fc from 'fast-check';
import {
  ADAPTER_OPERATIONS,
  VAULT_ERROR_CODES,
  VaultError,
  type VaultAdapter,
  type VaultErrorCode,
} from '../contract/index.js';
import { intercept } from './intercept.js';
import { localRefusal } from './local-refusal.js';
import type { RetryPolicy } from './retry-policy.js';
import { withRetry } from './with-retry.js';

const POLICY: RetryPolicy = { maxAttempts: 3, baseMs: 100, maxDelayMs: 1000, maxElapsedMs: 10_000 };
const content = new SecretValue('{"n":"1"}');

type Failure = { readonly code: VaultErrorCode; readonly outcomeUnknown: boolean; readonly retryAfterMs?: number };

/** An adapter that fails in these ways, one call after another, and then works; with a record of what happened when. */
class World {
  readonly clock = new FakeClock();
  readonly caller = new AbortController();
  readonly call = { requestId: 'r', signal: this.caller.signal };
  readonly attemptedAt: number[] = [];
  readonly adapter: VaultAdapter;
  readonly #startedAt = this.clock.now().getTime();

  constructor(failures: readonly (Failure | VaultError)[], init: { policy?: RetryPolicy; random?: () => number } = {}) {
    const { policy = POLICY, random = () => 0.5 } = init;
    const failing = intercept(new ReferenceAdapter(), async ({ operation, run }) => {
      const failure = failures[this.attemptedAt.length];
      this.attemptedAt.push(this.clock.now().getTime() - this.#startedAt);
      if (failure === undefined) return run();
      throw failure instanceof VaultError
        ? failure
        : new VaultError({ message: 'Injected.', backend: 'reference', operation, ...failure });
    });
    this.adapter = withRetry(failing, { policy, clock: this.clock, random });
  }

  put(): Promise<unknown> {
    return this.clock.run(this.adapter.put(this.call, 'a', content));
  }

  purge(): Promise<unknown> {
    return this.clock.run(this.adapter.purge(this.call, 'a'));
  }
}

const unavailable: Failure = { code: 'UNAVAILABLE', outcomeUnknown: false };

describe('withRetry', () => {
  it('gives the result of the first attempt that succeeds', async () => {
    const world = new World([unavailable, unavailable]);
    await expect(world.put()).resolves.toEqual({ version: '1' });
    expect(world.attemptedAt).toEqual([0, 50, 150]);
  });

  it('throws the last error when the attempts are used up', async () => {
    const world = new World([unavailable, unavailable, { code: 'THROTTLED', outcomeUnknown: false }]);
    await expect(world.put()).rejects.toMatchObject({ vaultCode: 'THROTTLED' });
    expect(world.attemptedAt).toHaveLength(3);
  });

  it('never repeats a write that may have been applied', async () => {
    const world = new World([{ code: 'TIMEOUT', outcomeUnknown: true }]);
    await expect(world.put()).rejects.toMatchObject({ vaultCode: 'TIMEOUT', outcomeUnknown: true });
    expect(world.attemptedAt).toHaveLength(1);
  });

  it('repeats a deletion that may have been applied, because that is harmless', async () => {
    const world = new World([{ code: 'TIMEOUT', outcomeUnknown: true }]);
    await expect(world.purge()).resolves.toBeUndefined();
    expect(world.attemptedAt).toHaveLength(2);
  });

  it('says that a write may have been applied when any attempt may have been', async () => {
    const world = new World([
      { code: 'TIMEOUT', outcomeUnknown: true },
      { code: 'PERMISSION_DENIED', outcomeUnknown: false },
    ]);
    await expect(world.purge()).rejects.toMatchObject({ vaultCode: 'PERMISSION_DENIED', outcomeUnknown: true });
  });

  it.each([
    'UNAUTHENTICATED',
    'PERMISSION_DENIED',
    'VERSION_CONFLICT',
    'NOT_FOUND',
    'CANCELLED',
    'QUOTA_EXCEEDED',
    'KEY_UNUSABLE',
  ] as const)('never repeats after %s', async (code) => {
    const world = new World([{ code, outcomeUnknown: false }]);
    await expect(world.purge()).rejects.toMatchObject({ vaultCode: code });
    expect(world.attemptedAt).toHaveLength(1);
  });

  it('waits as long as the vault asks, and the jitter on top', async () => {
    const world = new World([{ code: 'THROTTLED', outcomeUnknown: false, retryAfterMs: 2000 }]);
    await world.put();
    expect(world.attemptedAt).toEqual([0, 2050]);
  });

  it('gives up at once when the vault asks for more time than there is', async () => {
    const world = new World([{ code: 'THROTTLED', outcomeUnknown: false, retryAfterMs: 60_000 }]);
    await expect(world.put()).rejects.toMatchObject({ vaultCode: 'THROTTLED', retryAfterMs: 60_000 });
    expect(world.attemptedAt).toEqual([0]);
  });

  it('ends a pause with CANCELLED when the caller gives up, and says what failed before', async () => {
    const world = new World([unavailable]);
    const result = world.adapter.put(world.call, 'a', content).catch((error: unknown) => error);
    await world.clock.settle();
    world.caller.abort();
    expect(await result).toMatchObject({
      vaultCode: 'CANCELLED',
      outcomeUnknown: false,
      details: { lastError: 'VAULT_UNAVAILABLE' },
    });
    expect([world.attemptedAt.length, world.clock.sleeping]).toEqual([1, 0]);
  });

  it('leaves no listener on the signal of the caller', async () => {
    const world = new World([unavailable]);
    await world.put();
    expect(getEventListeners(world.caller.signal, 'abort')).toHaveLength(0);
  });

  it('tells the first error, not that a wrapper refused the repetition', async () => {
    const refusal = localRefusal(
      { adapter: new ReferenceAdapter(), operation: 'put' },
      { code: 'UNAVAILABLE', message: 'x', refusedBy: 'circuit_breaker', retryAfterMs: 1 },
    );
    await expect(new World([{ code: 'SEALED', outcomeUnknown: false }, refusal]).put()).rejects.toMatchObject({
      vaultCode: 'SEALED',
    });
    await expect(new World([refusal]).put()).rejects.toBe(refusal);
  });

  it('never repeats what no adapter may throw', async () => {
    let attempts = 0;
    const broken = intercept(new ReferenceAdapter(), async () => {
      attempts++;
      throw new TypeError('a defect');
    });
    const world = new World([]);
    const adapter = withRetry(broken, { policy: POLICY, clock: world.clock, random: () => 0 });
    await expect(adapter.purge(world.call, 'a')).rejects.toBeInstanceOf(TypeError);
    expect(attempts).toBe(1);
  });

  it('holds its bounds for any failures, policy and chance', async () => {
    const failures = fc.array(
      fc.record(
        {
          code: fc.constantFrom(...(Object.keys(VAULT_ERROR_CODES) as VaultErrorCode[])),
          outcomeUnknown: fc.boolean(),
          retryAfterMs: fc.integer({ min: 0, max: 20_000 }),
        },
        { requiredKeys: ['code', 'outcomeUnknown'] },
      ),
      { maxLength: 8 },
    );
    const policies = fc.record({
      maxAttempts: fc.integer({ min: 1, max: 6 }),
      baseMs: fc.integer({ min: 1, max: 500 }),
      maxDelayMs: fc.integer({ min: 1, max: 5000 }),
      maxElapsedMs: fc.integer({ min: 0, max: 30_000 }),
    });
    const chances = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
      minLength: 6,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(
        failures,
        policies,
        chances,
        fc.constantFrom('put', 'purge'),
        async (list, policy, numbers, operation) => {
          let drawn = 0;
          const world = new World(list, { policy, random: () => numbers[drawn++ % numbers.length]! });
          await world[operation]().catch(() => undefined);
          const { attemptedAt } = world;
          expect(attemptedAt.length).toBeLessThanOrEqual(policy.maxAttempts);
          expect(attemptedAt.at(-1)).toBeLessThanOrEqual(policy.maxElapsedMs);
          const failed = list.slice(0, attemptedAt.length - 1);
          for (const [index, failure] of failed.entries()) {
            expect(['THROTTLED', 'SEALED', 'UNAVAILABLE', 'TIMEOUT']).toContain(failure.code);
            expect(failure.outcomeUnknown && !ADAPTER_OPERATIONS[operation].repeatable).toBe(false);
            expect(attemptedAt[index + 1]! - attemptedAt[index]!).toBeGreaterThanOrEqual(failure.retryAfterMs ?? 0);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
