import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { VAULT_ERROR_CODES, VaultError, type VaultErrorCode } from '../contract/index.js';
import { localRefusal } from './local-refusal.js';
import { mayRepeat, retryDelay, type RetryPolicy } from './retry-policy.js';

const codes = Object.keys(VAULT_ERROR_CODES) as VaultErrorCode[];
const PASSING: ReadonlySet<VaultErrorCode> = new Set(['THROTTLED', 'SEALED', 'UNAVAILABLE', 'TIMEOUT']);

const errorOf = (code: VaultErrorCode, outcomeUnknown: boolean): VaultError =>
  new VaultError({ code, message: 'x', backend: 'fake', operation: 'put', outcomeUnknown });

describe('mayRepeat', () => {
  const table = codes.flatMap((code) =>
    [true, false].flatMap((outcomeUnknown) =>
      [true, false].map((isRepeatable) => ({
        code,
        outcomeUnknown,
        isRepeatable,
        expected: PASSING.has(code) && (isRepeatable || !outcomeUnknown),
      })),
    ),
  );

  it.each(table)('$expected: $code, outcome unknown $outcomeUnknown, repeatable $isRepeatable', (row) => {
    expect(mayRepeat(errorOf(row.code, row.outcomeUnknown), row.isRepeatable)).toBe(row.expected);
  });

  it('never repeats what no adapter may throw, nor what a wrapper refused', () => {
    const refused = localRefusal(
      { adapter: { kind: 'fake' } as never, operation: 'read' },
      { code: 'UNAVAILABLE', message: 'x', refusedBy: 'circuit_breaker', retryAfterMs: 1 },
    );
    expect([new Error('x'), undefined, refused].map((error) => mayRepeat(error, true))).toEqual([false, false, false]);
  });
});

describe('retryDelay', () => {
  const policies: fc.Arbitrary<RetryPolicy> = fc.record({
    maxAttempts: fc.integer({ min: 1, max: 10 }),
    baseMs: fc.integer({ min: 1, max: 5_000 }),
    maxDelayMs: fc.integer({ min: 1, max: 60_000 }),
    maxElapsedMs: fc.integer({ min: 0, max: 120_000 }),
  });
  const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const attempts = fc.integer({ min: 1, max: 60 });

  it('stays between what the vault asked for and that plus the bound of the attempt', () => {
    fc.assert(
      fc.property(
        policies,
        attempts,
        fc.option(fc.integer({ min: 0, max: 1e6 }), { nil: undefined }),
        randoms,
        (policy, attempt, retryAfterMs, random) => {
          const delay = retryDelay(policy, { attempt, retryAfterMs, random });
          const asked = retryAfterMs ?? 0;
          expect(delay).toBeGreaterThanOrEqual(asked);
          expect(delay).toBeLessThanOrEqual(asked + Math.min(policy.maxDelayMs, policy.baseMs * 2 ** (attempt - 1)));
          expect(Number.isSafeInteger(delay)).toBe(true);
        },
      ),
    );
  });

  it('never gets shorter with the attempts, for one random number', () => {
    fc.assert(
      fc.property(policies, attempts, randoms, (policy, attempt, random) => {
        const next = retryDelay(policy, { attempt: attempt + 1, retryAfterMs: undefined, random });
        expect(next).toBeGreaterThanOrEqual(retryDelay(policy, { attempt, retryAfterMs: undefined, random }));
      }),
    );
  });

  it('spreads over the whole range, so that clients do not return together', () => {
    const policy = { maxAttempts: 3, baseMs: 100, maxDelayMs: 1000, maxElapsedMs: 9999 };
    const delays = [0, 0.25, 0.5, 0.999].map((random) =>
      retryDelay(policy, { attempt: 3, retryAfterMs: undefined, random }),
    );
    expect(delays).toEqual([0, 100, 200, 400]);
  });
});
