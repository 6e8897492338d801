import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@claviger/testing';
import { ReferenceAdapter } from '@claviger/vaults/conformance';
import { VaultError, type VaultAdapter } from '../contract/index.js';
import { intercept } from './intercept.js';
import { RateLimiter } from './rate-limiter.js';
import { withRateLimit } from './with-rate-limit.js';

const LIMIT = { perSecond: 10, burst: 1 };
const call = { requestId: 'r', signal: new AbortController().signal };

class World {
  readonly clock = new FakeClock();
  readonly limiter = new RateLimiter({ clock: this.clock, liveProcesses: () => 1, maxWaitMs: 250 });
  readonly calledAt: number[] = [];
  error: VaultError | undefined;
  readonly #startedAt = this.clock.now().getTime();

  adapter(credentialKey: string): VaultAdapter {
    const inner = intercept(new ReferenceAdapter(), async ({ run }) => {
      this.calledAt.push(this.clock.now().getTime() - this.#startedAt);
      if (this.error) throw this.error;
      return run();
    });
    return withRateLimit(inner, { limiter: this.limiter, credentialKey, limit: LIMIT });
  }
}

const throttled = (retryAfterMs?: number): VaultError =>
  new VaultError({
    code: 'THROTTLED',
    message: 'Slow down.',
    backend: 'reference',
    operation: 'purge',
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });

describe('withRateLimit', () => {
  it('makes the calls of one credential wait for each other, also through several adapters', async () => {
    const world = new World();
    const [one, two] = [world.adapter('key-1'), world.adapter('key-1')];
    await world.clock.run(Promise.all([one.purge(call, 'a'), two.purge(call, 'a'), one.purge(call, 'a')]));
    expect(world.calledAt).toEqual([0, 100, 200]);
  });

  it('lets credentials not wait for each other', async () => {
    const world = new World();
    const [one, two] = [world.adapter('key-1'), world.adapter('key-2')];
    await world.clock.run(Promise.all([one.purge(call, 'a'), two.purge(call, 'a')]));
    expect(world.calledAt).toEqual([0, 0]);
  });

  it('refuses with THROTTLED when the queue is too long, and asks nothing of the vault', async () => {
    const world = new World();
    const adapter = world.adapter('key-1');
    const results = Promise.allSettled(Array.from({ length: 4 }, () => adapter.purge(call, 'a')));
    expect((await world.clock.run(results)).at(-1)).toMatchObject({
      status: 'rejected',
      reason: {
        vaultCode: 'THROTTLED',
        retryAfterMs: 300,
        outcomeUnknown: false,
        details: { refusedBy: 'rate_limiter' },
      },
    });
    expect(world.calledAt).toHaveLength(3);
  });

  it('gives up waiting with CANCELLED, certain that nothing was written', async () => {
    const world = new World();
    const adapter = world.adapter('key-1');
    const caller = new AbortController();
    await adapter.purge(call, 'a');
    const waiting = adapter.purge({ ...call, signal: caller.signal }, 'a').catch((error: unknown) => error);
    caller.abort();
    expect(await waiting).toMatchObject({ vaultCode: 'CANCELLED', operation: 'purge', outcomeUnknown: false });
    expect(world.calledAt).toHaveLength(1);
  });

  it('makes all calls of the credential wait as long as the vault asked of one', async () => {
    const world = new World();
    const adapter = world.adapter('key-1');
    world.error = throttled(100);
    await expect(adapter.purge(call, 'a')).rejects.toBe(world.error);
    world.error = undefined;
    await world.clock.run(world.adapter('key-1').purge(call, 'a'));
    expect(world.calledAt).toEqual([0, 200]);
  });

  it('goes on at its own rate when the vault does not say how long', async () => {
    const world = new World();
    const adapter = world.adapter('key-1');
    world.error = throttled();
    await expect(adapter.purge(call, 'a')).rejects.toBe(world.error);
    world.error = undefined;
    await world.clock.run(adapter.purge(call, 'a'));
    expect(world.calledAt).toEqual([0, 100]);
  });
});

describe('RateLimiter', () => {
  it('keeps the bucket of a credential and applies a changed limit to it', async () => {
    const { limiter, clock } = new World();
    const bucket = limiter.bucket('key', { perSecond: 1, burst: 1 });
    await bucket.take(call.signal);
    const faster = limiter.bucket('key', { perSecond: 1000, burst: 1 });
    expect(faster).toBe(bucket);
    await clock.run(faster.take(call.signal));
    expect(clock.now().getUTCMilliseconds()).toBe(1);
  });

  it('forgets credentials that rest, and none in use, so that it does not grow for ever', async () => {
    const { limiter } = new World();
    const used = limiter.bucket('used', LIMIT);
    await used.take(call.signal);
    for (let n = 0; n < 5000; n++) limiter.bucket(`key-${n}`, LIMIT);
    expect(limiter.size).toBeLessThanOrEqual(1001);
    expect(limiter.bucket('used', LIMIT)).toBe(used);
  });
});
