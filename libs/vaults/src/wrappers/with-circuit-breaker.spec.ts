import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@claviger/testing';
import { ReferenceAdapter } from '@claviger/vaults/conformance';
import { VaultError, type VaultAdapter, type VaultErrorCode } from '../contract/index.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { intercept } from './intercept.js';
import { localRefusal } from './local-refusal.js';
import { EVIDENCE, withCircuitBreaker } from './with-circuit-breaker.js';

const call = { requestId: 'r', signal: new AbortController().signal };
const SETTINGS = { consecutiveFailures: 2, failureRatio: 0.9, window: 10, openMs: 1000, maxOpenMs: 1000 };

class World {
  readonly clock = new FakeClock();
  readonly breaker = new CircuitBreaker(SETTINGS, this.clock);
  error: Error | undefined;
  calls = 0;
  readonly adapter: VaultAdapter = withCircuitBreaker(
    intercept(new ReferenceAdapter(), async ({ run }) => {
      this.calls++;
      if (this.error !== undefined) throw this.error;
      return run();
    }),
    this.breaker,
    'prod-eu',
  );

  async fail(code: VaultErrorCode): Promise<void> {
    this.error = new VaultError({ code, message: 'Injected.', backend: 'reference', operation: 'purge' });
    await this.adapter.purge(call, 'a').catch(() => undefined);
    this.error = undefined;
  }
}

describe('withCircuitBreaker', () => {
  it.each(Object.entries(EVIDENCE) as [VaultErrorCode, string][])('takes %s for %s', async (code, evidence) => {
    const world = new World();
    await world.fail('UNAVAILABLE');
    await world.fail(code);
    const opens = { failure: 'open', success: 'closed', none: 'closed' }[evidence];
    expect(world.breaker.status().state).toBe(opens);
    await world.fail('UNAVAILABLE');
    // One failure more opens it unless a success came between.
    expect(world.breaker.status().state).toBe(evidence === 'success' ? 'closed' : 'open');
  });

  it('counts only UNAVAILABLE, TIMEOUT and SEALED as failures', () => {
    const failures = Object.entries(EVIDENCE).filter(([, evidence]) => evidence === 'failure');
    expect(failures.map(([code]) => code).sort()).toEqual(['SEALED', 'TIMEOUT', 'UNAVAILABLE']);
  });

  it('refuses at once while open, with the time to wait, and asks nothing of the vault', async () => {
    const world = new World();
    await world.fail('SEALED');
    await world.fail('SEALED');
    await world.clock.advance(400);
    const calls = world.calls;
    await expect(world.adapter.read(call, 'a')).rejects.toMatchObject({
      vaultCode: 'UNAVAILABLE',
      retryable: true,
      outcomeUnknown: false,
      retryAfterMs: 600,
      message: 'Vault instance prod-eu has failed repeatedly and is left alone for another 600 ms.',
      details: { refusedBy: 'circuit_breaker', operation: 'read' },
    });
    expect(world.calls).toBe(calls);
  });

  it('closes again when a probe gets an answer', async () => {
    const world = new World();
    await world.fail('TIMEOUT');
    await world.fail('TIMEOUT');
    await world.clock.advance(1000);
    await expect(world.adapter.read(call, 'absent')).rejects.toMatchObject({ vaultCode: 'NOT_FOUND' });
    expect(world.breaker.status().state).toBe('closed');
  });

  it('takes neither capabilities, nor a defect, nor the refusal of another wrapper for an answer', async () => {
    const world = new World();
    await world.fail('TIMEOUT');
    await world.fail('TIMEOUT');
    await world.clock.advance(1000);
    await world.adapter.capabilities(call);
    expect(world.breaker.status().state).toBe('half_open');
    world.error = new TypeError('a defect');
    await expect(world.adapter.read(call, 'a')).rejects.toBeInstanceOf(TypeError);
    expect(world.breaker.status().state).toBe('half_open');
    world.error = localRefusal(
      { adapter: world.adapter, operation: 'read' },
      { code: 'UNAVAILABLE', message: 'x', refusedBy: 'rate_limiter', retryAfterMs: 1 },
    );
    await expect(world.adapter.read(call, 'a')).rejects.toBe(world.error);
    expect(world.breaker.status().state).toBe('half_open');
  });
});
