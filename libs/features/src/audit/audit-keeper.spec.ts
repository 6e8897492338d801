import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@claviger/testing';
import type { Logger } from '@claviger/platform/telemetry';
import { AuditKeeper } from './audit-keeper.js';
import type { Sealer } from './sealer.js';

function harness() {
  const clock = new FakeClock();
  const state = { passes: 0, isDown: false, logged: [] as string[] };
  const sealer = {
    sealAll: async () => {
      state.passes += 1;
      if (state.isDown) throw new Error('down');
      return 0;
    },
  } as unknown as Sealer;
  const logger = { error: (event: string) => void state.logged.push(event) } as unknown as Logger;
  return { clock, state, keeper: new AuditKeeper({ sealer, clock, logger }) };
}

describe('AuditKeeper', () => {
  it('seals five times a second', async () => {
    const { clock, state, keeper } = harness();
    keeper.start();
    await clock.advance(1_000);
    expect(state.passes).toBe(6);
    await keeper.stop();
  });

  it('goes on after a failure, more slowly, and says so', async () => {
    const { clock, state, keeper } = harness();
    state.isDown = true;
    keeper.start();
    await clock.advance(10_000);
    expect(state).toMatchObject({ passes: 3, logged: Array(3).fill('audit.seal_failed') });
    state.isDown = false;
    await clock.advance(6_000);
    expect(state.passes).toBeGreaterThan(5);
    await keeper.stop();
  });

  it('seals a last time when it stops, and no more', async () => {
    const { clock, state, keeper } = harness();
    keeper.start();
    await clock.settle();
    await keeper.stop();
    expect(state.passes).toBe(2);
    await keeper.stop();
    await clock.advance(10_000);
    expect(state.passes).toBe(2);
  });
});
