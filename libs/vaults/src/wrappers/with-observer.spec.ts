import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@claviger/testing';
import { ReferenceAdapter } from '@claviger/vaults/conformance';
import { intercept } from './intercept.js';
import { withObserver, type Observation } from './with-observer.js';

const call = { requestId: 'r', signal: new AbortController().signal };

describe('withObserver', () => {
  it('tells of each call its operation, outcome and duration, and nothing else', async () => {
    const clock = new FakeClock();
    const seen: Observation[] = [];
    const slow = intercept(new ReferenceAdapter(), async ({ operation, run }) => {
      await clock.sleep(7);
      if (operation === 'destroy') throw new TypeError('a defect');
      return run();
    });
    const adapter = withObserver(slow, (observation) => seen.push(observation), clock);
    await clock.run(adapter.purge(call, 'secret-name'));
    await expect(clock.run(adapter.read(call, 'secret-name'))).rejects.toMatchObject({ vaultCode: 'NOT_FOUND' });
    await expect(clock.run(adapter.destroy(call, 'secret-name', []))).rejects.toBeInstanceOf(TypeError);
    expect(seen).toEqual([
      { kind: 'reference', operation: 'purge', outcome: 'ok', durationMs: 7 },
      { kind: 'reference', operation: 'read', outcome: 'NOT_FOUND', durationMs: 7 },
      { kind: 'reference', operation: 'destroy', outcome: 'INTERNAL', durationMs: 7 },
    ]);
  });
});
