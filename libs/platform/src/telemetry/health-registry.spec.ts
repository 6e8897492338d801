import { AppError } from '@claviger/kernel';
import { FakeClock } from '@claviger/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { HealthRegistry } from './health-registry.js';

const canary = 'canary-91c2';
let clock: FakeClock;
let health: HealthRegistry;

beforeEach(() => {
  clock = new FakeClock();
  health = new HealthRegistry(clock);
});

describe('HealthRegistry', () => {
  it('is unhealthy as soon as the process is leaving, whatever was found a moment ago', async () => {
    health.register({ name: 'queue', check: async () => undefined });
    expect(await health.report()).toMatchObject({ isHealthy: true });
    health.leave();
    expect(await health.report()).toMatchObject({
      isHealthy: false,
      checks: [{ name: 'process', isHealthy: false, code: 'STOPPING' }],
    });
  });

  it('is healthy when every check passes, and lists them by name', async () => {
    health.register({ name: 'queue', check: async () => undefined });
    health.register({ name: 'database', check: async () => undefined });
    const report = await health.report();
    expect(report.isHealthy).toBe(true);
    expect(report.checks).toEqual([
      { name: 'database', isHealthy: true, isOptional: false, durationMs: 0 },
      { name: 'queue', isHealthy: true, isOptional: false, durationMs: 0 },
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

  it('stays healthy, and says so, when something optional fails', async () => {
    health.register({ name: 'queue', check: () => Promise.reject(new Error(canary)), isOptional: true });
    const report = await health.report();
    expect(report.isHealthy).toBe(true);
    expect(report.checks[0]).toMatchObject({ isHealthy: false, isOptional: true, code: 'FAILED' });
  });

  it('gives up on a check after its time-out and aborts it', async () => {
    let signal: AbortSignal | undefined;
    const check = (given: AbortSignal): Promise<void> => ((signal = given), new Promise(() => undefined));
    health.register({ name: 'stuck', check, timeoutMs: 50 });
    const pending = health.report();
    expect((await clock.run(pending)).checks).toEqual([
      expect.objectContaining({ name: 'stuck', code: 'TIMEOUT', durationMs: 50 }),
    ]);
    expect(signal?.aborted).toBe(true);
  });

  it('leaves no timer behind', async () => {
    health.register({ name: 'a', check: async () => undefined });
    await health.report();
    expect(clock.sleeping).toBe(0);
  });

  it('asks once for callers at the same time and for half a second after', async () => {
    let asked = 0;
    health.register({ name: 'a', check: async () => void (asked += 1) });
    await Promise.all([health.report(), health.report()]);
    await clock.advance(499);
    await health.report();
    expect(asked).toBe(1);
    await clock.advance(1);
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
