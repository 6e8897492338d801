import { describe, expect, it } from '@jest/globals';
import { SharedFlight } from './shared-flight.js';

const open = (): AbortSignal => new AbortController().signal;

/** Work that ends when told, and notes whether it was aborted. */
function work() {
  const runs: { signal: AbortSignal; end: (value: string) => void; fail: (error: Error) => void }[] = [];
  const run = (signal: AbortSignal): Promise<string> =>
    new Promise((resolve, reject) => runs.push({ signal, end: resolve, fail: reject }));
  return { runs, run };
}

describe('SharedFlight', () => {
  it('runs the work once for all who join while it runs', async () => {
    const flight = new SharedFlight<string>();
    const { runs, run } = work();
    const all = Promise.all([flight.join(open(), run), flight.join(open(), run), flight.join(open(), run)]);
    runs[0]!.end('done');
    await expect(all).resolves.toEqual(['done', 'done', 'done']);
    expect(runs).toHaveLength(1);
  });

  it('runs it again for who comes later, also after a failure', async () => {
    const flight = new SharedFlight<string>();
    const { runs, run } = work();
    const first = flight.join(open(), run);
    runs[0]!.fail(new Error('no'));
    await expect(first).rejects.toThrow('no');
    const second = flight.join(open(), run);
    runs[1]!.end('yes');
    await expect(second).resolves.toBe('yes');
  });

  it('lets one leave without ending the work of the others', async () => {
    const flight = new SharedFlight<string>();
    const { runs, run } = work();
    const leaving = new AbortController();
    const left = flight.join(leaving.signal, run);
    const stays = flight.join(open(), run);
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    expect(runs[0]!.signal.aborted).toBe(false);
    runs[0]!.end('done');
    await expect(stays).resolves.toBe('done');
  });

  it('aborts the work when the last one leaves, and starts anew for the next', async () => {
    const flight = new SharedFlight<string>();
    const { runs, run } = work();
    const leaving = new AbortController();
    const left = flight.join(leaving.signal, run);
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    expect(runs[0]!.signal.aborted).toBe(true);
    const next = flight.join(open(), run);
    runs[1]!.end('fresh');
    runs[0]!.end('stale');
    await expect(next).resolves.toBe('fresh');
  });

  it('starts nothing for who has given up already', async () => {
    const { runs, run } = work();
    await expect(new SharedFlight<string>().join(AbortSignal.abort(new Error('gone')), run)).rejects.toThrow('gone');
    expect(runs).toHaveLength(0);
  });
});
