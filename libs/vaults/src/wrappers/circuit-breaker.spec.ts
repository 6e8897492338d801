import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@claviger/testing';
import fc from 'fast-check';
import { CircuitBreaker, type Admission, type BreakerSettings, type Evidence } from './circuit-breaker.js';

const SETTINGS: BreakerSettings = {
  consecutiveFailures: 3,
  failureRatio: 0.5,
  window: 10,
  openMs: 1000,
  maxOpenMs: 4000,
};

type Settle = (evidence: Evidence) => void;

class World {
  readonly clock = new FakeClock();
  readonly breaker = new CircuitBreaker(SETTINGS, this.clock);

  /** Leave for a call, which the test expects to get. */
  admitted(): Settle {
    const admission = this.breaker.admit();
    if (!admission.isAdmitted) throw new Error('The breaker refuses.');
    return admission.settle;
  }

  refused(): number {
    const admission = this.breaker.admit();
    if (admission.isAdmitted) throw new Error('The breaker lets the call through.');
    return admission.retryAfterMs;
  }

  show(...evidence: readonly Evidence[]): void {
    for (const one of evidence) this.admitted()(one);
  }

  get state(): string {
    return this.breaker.status().state;
  }

  async opened(): Promise<this> {
    this.show('failure', 'failure', 'failure');
    return this;
  }
}

describe('CircuitBreaker', () => {
  it('opens after so many failures in a row, and says until when', () => {
    const world = new World();
    world.show('failure', 'failure', 'success', 'failure', 'failure');
    expect(world.state).toBe('closed');
    world.show('failure');
    expect(world.breaker.status()).toEqual({
      state: 'open',
      since: world.clock.now(),
      retryAt: new Date(world.clock.now().getTime() + 1000),
    });
    expect(world.refused()).toBe(1000);
  });

  it('opens when more than the share of the last calls failed', () => {
    const world = new World();
    world.show('failure', 'failure', 'success', 'failure', 'failure', 'success', 'failure', 'success', 'success');
    expect(world.state).toBe('closed');
    world.show('failure');
    expect(world.state).toBe('open');
  });

  it('stays closed while no more than the share failed', () => {
    const world = new World();
    for (let n = 0; n < 50; n++) world.show('failure', 'success');
    expect(world.state).toBe('closed');
  });

  it('hears nothing in what shows nothing', () => {
    const world = new World();
    for (let n = 0; n < 50; n++) world.show('failure', 'none', 'success', 'success');
    world.show('failure', 'failure', 'none', 'none');
    expect(world.state).toBe('closed');
    world.show('failure');
    expect(world.state).toBe('open');
  });

  it('lets exactly one probe through when its time has come', async () => {
    const world = await new World().opened();
    await world.clock.advance(999);
    expect(world.refused()).toBe(1);
    await world.clock.advance(1);
    const settle = world.admitted();
    expect(world.state).toBe('half_open');
    expect(world.refused()).toBeGreaterThan(0);
    settle('success');
    expect(world.state).toBe('closed');
  });

  it('stays open twice as long after each probe that fails, up to the limit', async () => {
    const world = await new World().opened();
    for (const expected of [2000, 4000, 4000]) {
      await world.clock.advance(world.refused());
      world.show('failure');
      expect(world.refused()).toBe(expected);
    }
  });

  it('begins anew with its counts and times when it has closed', async () => {
    const world = await new World().opened();
    await world.clock.advance(1000);
    world.show('failure');
    await world.clock.advance(2000);
    world.show('success', 'failure', 'failure');
    expect(world.state).toBe('closed');
    world.show('failure');
    expect(world.refused()).toBe(1000);
  });

  it('lets the next probe through when one has shown nothing', async () => {
    const world = await new World().opened();
    await world.clock.advance(1000);
    world.show('none');
    expect(world.state).toBe('half_open');
    const settle = world.admitted();
    world.refused();
    settle('success');
    expect(world.state).toBe('closed');
  });

  it.each(['success', 'failure', 'none'] as const)(
    'hears no %s of calls that began before it opened',
    async (evidence) => {
      const world = new World();
      const late = [world.admitted(), world.admitted(), world.admitted()];
      await world.opened();
      const open = world.breaker.status();
      await world.clock.advance(500);
      late[0]!(evidence);
      expect(world.breaker.status()).toEqual(open);
      await world.clock.advance(500);
      const probe = world.admitted();
      late[1]!(evidence);
      expect(world.state).toBe('half_open');
      probe('success');
      const closed = world.breaker.status();
      late[2]!(evidence);
      expect(world.breaker.status()).toEqual(closed);
    },
  );

  it('hears an outcome once', async () => {
    const world = new World();
    const settle = world.admitted();
    for (let n = 0; n < 5; n++) settle('failure');
    expect(world.state).toBe('closed');
  });

  it('keeps its promises through any history', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant('call' as const) }),
        fc.record({
          do: fc.constant('end' as const),
          which: fc.nat(9),
          evidence: fc.constantFrom<Evidence>('success', 'failure', 'none'),
        }),
        fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 3000 }) }),
      ),
      { maxLength: 120 },
    );
    fc.assert(
      fc.property(steps, (history) => {
        let nowMs = 0;
        const breaker = new CircuitBreaker(SETTINGS, { now: () => new Date(nowMs) });
        let inFlight: { settle: Settle; isProbe: boolean }[] = [];
        for (const step of history) {
          const before = breaker.status();
          if (step.do === 'wait') nowMs += step.ms;
          else if (step.do === 'end') {
            const [ended] = inFlight.splice(step.which % Math.max(1, inFlight.length), 1);
            ended?.settle(step.evidence);
          } else {
            const admission: Admission = breaker.admit();
            const isDue = before.state === 'open' && before.retryAt!.getTime() <= nowMs;
            const isProbed = before.state === 'half_open' && inFlight.some(({ isProbe }) => isProbe);
            // Let through: always when closed; when open, from its time on; when half open, one at a time.
            expect(admission.isAdmitted).toBe(
              before.state === 'closed' || isDue || (before.state === 'half_open' && !isProbed),
            );
            if (admission.isAdmitted) inFlight.push({ settle: admission.settle, isProbe: before.state !== 'closed' });
            else expect(admission.retryAfterMs).toBeGreaterThan(0);
          }
          const after = breaker.status();
          // Whatever ends, an open breaker stays open until a probe is let through.
          if (before.state === 'open' && step.do !== 'call') expect(after).toEqual(before);
          if (after.state !== 'half_open') inFlight = inFlight.map((one) => ({ ...one, isProbe: false }));
        }
      }),
      { numRuns: 300 },
    );
  });
});
