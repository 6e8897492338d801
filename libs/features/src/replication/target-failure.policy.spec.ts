import { describe, expect, it } from '@jest/globals';
import { AppError } from '@claviger/kernel';
import { VAULT_ERROR_CODES, VaultError, type VaultErrorCode } from '@claviger/vaults/contract';
import fc from 'fast-check';
import { describeFailure, describeRest, describeStop, describeWait } from './target-failure.policy.js';

const CODES = Object.keys(VAULT_ERROR_CODES) as VaultErrorCode[];

const vaultError = (code: VaultErrorCode, more: { retryAfterMs?: number } = {}): VaultError =>
  new VaultError({ code, message: 'canary-of-the-message', backend: 'kv', operation: 'put', ...more });

const at = (where: 'source' | 'target' = 'target', attempts = 0, spread = 0) => ({ where, attempts, spread });

describe('a failure of a target', () => {
  it.each(CODES)('has a cause and an action of its own words for %s', (code) => {
    const failure = describeFailure(vaultError(code), at());
    expect(failure.code).toBe(`VAULT_${code}`);
    expect(failure.cause).not.toBe('');
    expect(failure.action).not.toBe('');
    expect(JSON.stringify(failure)).not.toContain('canary');
  });

  it.each(['THROTTLED', 'UNAVAILABLE', 'SEALED', 'TIMEOUT', 'CANCELLED', 'VERSION_CONFLICT', 'NOT_FOUND'] as const)(
    'is tried again by itself after %s',
    (code) => {
      expect(describeFailure(vaultError(code), at())).toMatchObject({ status: 'retrying', retryInMs: 1_000 });
    },
  );

  it.each(['UNAUTHENTICATED', 'PERMISSION_DENIED', 'INVALID_VALUE', 'TOO_LARGE', 'MISCONFIGURED'] as const)(
    'waits for a person after %s, however often it was tried',
    (code) => {
      const failure = describeFailure(vaultError(code), at('target', 7));
      expect(failure).toMatchObject({ status: 'blocked', retryInMs: undefined });
    },
  );

  it('waits at least as long as the vault asks for', () => {
    const failure = describeFailure(vaultError('THROTTLED', { retryAfterMs: 60_000 }), at());
    expect(failure.retryInMs).toBe(60_000);
  });

  it('doubles the pause with each attempt, up to five minutes, and shortens it by at most a half', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempts, spread) => {
        const { retryInMs } = describeFailure(vaultError('UNAVAILABLE'), at('target', attempts, spread));
        const full = Math.min(300_000, 1_000 * 2 ** Math.min(attempts, 20));
        expect(retryInMs).toBeGreaterThanOrEqual(full / 2);
        expect(retryInMs).toBeLessThanOrEqual(full);
      }),
    );
  });

  it('names the source when that is what failed', () => {
    expect(describeFailure(vaultError('SEALED'), at('source')).cause).toBe('At the source: The vault is sealed.');
  });

  it.each([
    [true, 'retrying'],
    [false, 'blocked'],
  ] as const)('of our own that is retryable: %s leaves the target %s', (retryable, status) => {
    const error = new AppError({ code: 'SOURCE_DRIFTED', kind: 'conflict', message: 'It drifted.', retryable });
    const failure = describeFailure(error, at('source'));
    expect(failure).toMatchObject({ status, code: 'SOURCE_DRIFTED', cause: 'At the source: It drifted.' });
  });

  it('that nobody foresaw tells nothing of what was thrown', () => {
    const failure = describeFailure(new Error('canary'), at());
    expect(failure).toMatchObject({ status: 'retrying', code: 'INTERNAL' });
    expect(JSON.stringify(failure)).not.toContain('canary');
  });
});

describe('a target that does not go on', () => {
  it('says why and what to do', () => {
    expect(describeStop('foreign', 'not_ours')).toMatchObject({ code: 'TARGET_NOT_OURS', retryInMs: undefined });
  });

  it('names what is to be enabled', () => {
    expect(describeRest('secret')).toMatchObject({ status: 'paused', code: 'SECRET_DISABLED' });
    expect(describeRest('profile')).toMatchObject({ status: 'paused', code: 'VAULT_PROFILE_DISABLED' });
  });

  it('looks again when nothing can arrive any more', () => {
    expect(describeWait(5_000)).toMatchObject({ status: 'pending', retryInMs: 5_000 });
  });
});
