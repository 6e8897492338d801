import { setMaxListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { FakeClock } from '@claviger/testing';
import { CONFORMANCE_CASES, REFERENCE_FLAVOURS, ReferenceAdapter, runConformance } from '@claviger/vaults/conformance';
import { VaultError, type AdapterOperation, type VaultAdapter, type VaultErrorCode } from '../contract/index.js';
import { composeAdapter, createInstanceGuards, type InstanceGuards } from './compose.js';
import { intercept } from './intercept.js';
import { RateLimiter } from './rate-limiter.js';
import type { Observation } from './with-observer.js';

const call = { requestId: 'r', signal: new AbortController().signal };
// One caller for many calls at once: more listeners than Node expects, all of them removed again.
setMaxListeners(0, call.signal);
const content = new SecretValue('{"n":"1"}');

/** A vault behind all wrappers: 1 s to answer, 3 attempts 100 ms apart, 3 failures open, 10 calls a second. */
class World {
  readonly clock = new FakeClock();
  readonly seen: Observation[] = [];
  readonly calledAt: number[] = [];
  /** How the vault answers: not at all, with an error, or well. */
  answer: VaultErrorCode | 'silence' | 'ok' = 'ok';
  readonly guards: InstanceGuards = createInstanceGuards({
    name: 'prod-eu',
    clock: this.clock,
    random: () => 0.999,
    observe: (observation) => this.seen.push(observation),
    settings: {
      timeouts: { default: 1000 },
      retry: { maxAttempts: 3, baseMs: 100, maxDelayMs: 100, maxElapsedMs: 10_000 },
      breaker: { consecutiveFailures: 3, failureRatio: 0.9, window: 20, openMs: 5000, maxOpenMs: 5000 },
    },
    rateLimit: {
      limiter: new RateLimiter({ clock: this.clock, liveProcesses: () => 1, maxWaitMs: 2000 }),
      credentialKey: 'key',
      limit: { perSecond: 10, burst: 10 },
    },
  });
  readonly adapter = this.compose();
  readonly #startedAt = this.clock.now().getTime();

  compose(): VaultAdapter {
    const vault = intercept(new ReferenceAdapter({ capabilities: { maxBulkRead: 40 } }), ({ operation, run }) => {
      this.calledAt.push(this.clock.now().getTime() - this.#startedAt);
      if (this.answer === 'silence') return new Promise(() => undefined);
      return this.answer === 'ok' ? run() : Promise.reject(this.#error(this.answer, operation));
    });
    return composeAdapter(vault, this.guards);
  }

  /** Purges, which may be repeated, and gives the error or undefined. */
  purge(adapter = this.adapter): Promise<unknown> {
    return this.clock.run(adapter.purge(call, 'a').catch((error: unknown) => error));
  }

  #error(code: VaultErrorCode, operation: AdapterOperation): VaultError {
    return new VaultError({ code, message: 'Injected.', backend: 'reference', operation });
  }
}

describe('composeAdapter', () => {
  it.each(Object.entries(REFERENCE_FLAVOURS))(
    'changes nothing about an adapter that works, %s',
    async (flavour, capabilities) => {
      const outcomes = await runConformance('reference', {
        flavour,
        capabilities,
        fresh: async () => ({
          adapter: composeAdapter(new ReferenceAdapter({ capabilities }), createInstanceGuards({ name: 'reference' })),
        }),
      });
      expect(outcomes).toHaveLength(CONFORMANCE_CASES.length);
      expect(outcomes.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    },
  );

  it('times out each attempt by itself and repeats it', async () => {
    const world = new World();
    world.answer = 'silence';
    expect(await world.purge()).toMatchObject({ vaultCode: 'TIMEOUT', outcomeUnknown: true });
    expect(world.calledAt).toEqual([0, 1100, 2200]);
  });

  it('tells the observer of one call, however many attempts it took', async () => {
    const world = new World();
    world.answer = 'THROTTLED';
    await world.purge();
    expect(world.calledAt).toHaveLength(3);
    expect(world.seen).toEqual([{ kind: 'reference', operation: 'purge', outcome: 'THROTTLED', durationMs: 200 }]);
  });

  it('counts every attempt in the breaker, and refuses the next call at once', async () => {
    const world = new World();
    world.answer = 'UNAVAILABLE';
    await world.purge();
    expect(world.guards.breaker.status().state).toBe('open');
    const asked = world.calledAt.length;
    const before = world.clock.now();
    expect(await world.purge()).toMatchObject({
      vaultCode: 'UNAVAILABLE',
      retryAfterMs: 5000,
      details: { refusedBy: 'circuit_breaker' },
    });
    expect([world.calledAt.length, world.clock.now()]).toEqual([asked, before]);
  });

  it('opens for all adapters of the instance', async () => {
    const world = new World();
    world.answer = 'UNAVAILABLE';
    await world.purge();
    expect(await world.purge(world.compose())).toMatchObject({ details: { refusedBy: 'circuit_breaker' } });
  });

  it('stops repeating when the breaker opens, and tells why the vault was given up', async () => {
    const world = new World();
    world.answer = 'SEALED';
    await world.clock.run(world.adapter.read(call, 'a').catch(() => undefined));
    await world.clock.advance(5000);
    const asked = world.calledAt.length;
    // The probe fails, the breaker opens again, the repetition is refused.
    expect(await world.purge()).toMatchObject({ vaultCode: 'SEALED' });
    expect(world.calledAt.length).toBe(asked + 1);
  });

  it('takes a turn for every attempt', async () => {
    const world = new World();
    world.answer = 'THROTTLED';
    await Promise.all(Array.from({ length: 6 }, () => world.purge()));
    expect(world.calledAt).toHaveLength(18);
    // Ten at once and ten a second: the last of eighteen cannot come before 800 ms.
    expect(Math.max(...world.calledAt)).toBeGreaterThanOrEqual(800);
  });

  it('refuses at once also when there is a queue for turns', async () => {
    const world = new World();
    await world.clock.run(Promise.all(Array.from({ length: 10 }, () => world.adapter.put(call, 'a', content))));
    for (let n = 0; n < 3; n++) {
      const admission = world.guards.breaker.admit();
      if (admission.isAdmitted) admission.settle('failure');
    }
    const before = world.clock.now();
    expect(await world.purge()).toMatchObject({ details: { refusedBy: 'circuit_breaker' } });
    expect(world.clock.now()).toEqual(before);
  });

  it('counts waiting for a turn neither as time of the vault nor as its failure', async () => {
    const world = new World();
    const all = Array.from({ length: 30 }, () => world.adapter.put(call, 'a', content));
    await world.clock.run(Promise.all(all));
    expect(Math.max(...world.calledAt)).toBe(2000);
    expect(world.guards.breaker.status().state).toBe('closed');
  });

  it('takes one turn for a bulk read, and repeats it whole', async () => {
    const world = new World();
    const names = Array.from({ length: 40 }, (_, index) => `n-${index}`);
    const answers = await world.clock.run(world.adapter.readMany(call, names));
    expect(answers.map(({ name, error }) => [name, error?.vaultCode])).toEqual(
      names.map((name) => [name, 'NOT_FOUND']),
    );
    expect(world.calledAt).toEqual([0]);
    expect(world.seen).toEqual([{ kind: 'reference', operation: 'readMany', outcome: 'ok', durationMs: 0 }]);
    world.answer = 'THROTTLED';
    const failure = world.clock.run(world.adapter.readMany(call, names).catch((error: unknown) => error));
    expect(await failure).toMatchObject({ vaultCode: 'THROTTLED' });
    expect(world.calledAt).toHaveLength(4);
  });

  it('repeats no write whose outcome is unknown', async () => {
    const world = new World();
    world.answer = 'silence';
    const failure = world.clock.run(world.adapter.put(call, 'a', content).catch((error: unknown) => error));
    expect(await failure).toMatchObject({ vaultCode: 'TIMEOUT', outcomeUnknown: true });
    expect(world.calledAt).toEqual([0]);
  });
});
