import { AppError, type Clock } from '@claviger/kernel';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { HealthRegistry } from './health-registry.js';

/** Time that passes only when told to. */
class HeldClock implements Clock {
  #nowMs = 1_000_000;
  readonly #sleepers = new Set<{ untilMs: number; wake: () => void }>();

  now(): Date {
    return new Date(this.#nowMs);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { untilMs: this.#nowMs + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => (this.#sleepers.delete(sleeper), reject(signal.reason as Error)));
    });
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    for (const sleeper of this.#sleepers) if (sleeper.untilMs <= this.#nowMs) sleeper.wake();
  }

  get sleepers(): number {
    return this.#sleepers.size;
  }
}

const canary = 'canary-91c2';
let clock: HeldClock;
let health: HealthRegistry;

beforeEach(() => {
  clock = new HeldClock();
  health = new HealthRegistry(clock);
});

describe('HealthRegistry', () => {
  it('is healthy when every check passes, and lists them by name', async () => {
    health.register({ name: 'queue', check: async () => undefined });
    health.register({ name: 'database', check: async () => undefined });
    const report = await health.report();
    expect(report.isHealthy).toBe(true);
    expect(report.checks).toEqual([
      { name: 'database', isHealthy: true, durationMs: 0 },
      { name: 'queue', isHealthy: true, durationMs: 0 },
    ]);
  });

  it('tells the code of what failed and never a message', async () => {
    const sealed = new AppError({ code: 'KEYS_SEALED', kind: 'unavailable', message: canary });
    health.register({ name: 'a', check: () => Promise.reject(sealed) });
    health.register({ name: 'b', check: () => Promise.reject(new Error(canary)) });
    health.register({
      name: 'c',
      check: () => {
        throw new Error(canary);
      },
    });
    const report = await health.report();
    expect(report.isHealthy).toBe(false);
    expect(report.checks.map((check) => check.code)).toEqual(['KEYS_SEALED', 'FAILED', 'FAILED']);
    expect(JSON.stringify(report)).not.toContain(canary);
  });

  it('gives up on a check after its time-out and aborts it', async () => {
    let signal: AbortSignal | undefined;
    const check = (given: AbortSignal): Promise<void> => ((signal = given), new Promise(() => undefined));
    health.register({ name: 'stuck', check, timeoutMs: 50 });
    const pending = health.report();
    await Promise.resolve();
    clock.pass(50);
    expect((await pending).checks).toEqual([{ name: 'stuck', isHealthy: false, code: 'TIMEOUT', durationMs: 50 }]);
    expect(signal?.aborted).toBe(true);
  });

  it('leaves no timer behind', async () => {
    health.register({ name: 'a', check: async () => undefined });
    await health.report();
    expect(clock.sleepers).toBe(0);
  });

  it('asks once for callers at the same time and for half a second after', async () => {
    let asked = 0;
    health.register({ name: 'a', check: async () => void (asked += 1) });
    await Promise.all([health.report(), health.report()]);
    clock.pass(499);
    await health.report();
    expect(asked).toBe(1);
    clock.pass(1);
    await health.report();
    expect(asked).toBe(2);
  });

  it('forgets the last report when a check comes or goes', async () => {
    await health.report();
    const leave = health.register({ name: 'a', check: () => Promise.reject(new Error('x')) });
    expect((await health.report()).isHealthy).toBe(false);
    leave();
    expect((await health.report()).checks).toEqual([]);
  });
});
