import { describe, expect, it } from '@jest/globals';
import { GroupCommit } from './group-commit.js';

type Write = { readonly batch: readonly number[]; finish(error?: Error): void };

function harness(limits: { maxBatch?: number; maxInFlight?: number; maxWaiting?: number } = {}) {
  const writes: Write[] = [];
  const group = new GroupCommit<number>({
    write: (batch) =>
      new Promise((resolve, reject) => {
        writes.push({ batch, finish: (error) => (error ? reject(error) : resolve()) });
      }),
    maxBatch: 100,
    maxInFlight: 1,
    maxWaiting: 1_000,
    refuse: (cause) => new Error('refused', { cause }),
    ...limits,
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { group, writes, turn, batches: () => writes.map(({ batch }) => batch) };
}

describe('GroupCommit', () => {
  it('writes what comes in one turn together', async () => {
    const { group, writes, turn, batches } = harness();
    const all = Promise.all([group.commit(1), group.commit(2), group.commit(3)]);
    await turn();
    expect(batches()).toEqual([[1, 2, 3]]);
    writes[0]!.finish();
    await all;
  });

  it('resolves nobody before the batch is written', async () => {
    const { group, writes, turn } = harness();
    let isDone = false;
    const done = group.commit(1).then(() => (isDone = true));
    await turn();
    await turn();
    expect(isDone).toBe(false);
    writes[0]!.finish();
    await done;
  });

  it('gathers what arrives while a batch is written, and sends it when that is done', async () => {
    const { group, writes, turn, batches } = harness();
    const first = group.commit(1);
    await turn();
    const later = Promise.all([group.commit(2), group.commit(3)]);
    await turn();
    expect(batches()).toEqual([[1]]);
    writes[0]!.finish();
    await first;
    await turn();
    await turn();
    expect(batches()).toEqual([[1], [2, 3]]);
    writes[1]!.finish();
    await later;
  });

  it('has as many batches under way as allowed, each within its size', async () => {
    const { group, writes, turn, batches } = harness({ maxBatch: 2, maxInFlight: 2 });
    const all = Promise.all([1, 2, 3, 4, 5].map((item) => group.commit(item)));
    await turn();
    await turn();
    expect(batches()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    writes[1]!.finish();
    await turn();
    await turn();
    expect(batches()).toEqual([[1, 2], [3, 4], [5]]);
    for (const write of writes) write.finish();
    await all;
  });

  it('tells everyone in a batch that it failed, with the cause, and goes on with the next', async () => {
    const { group, writes, turn } = harness();
    const failed = Promise.allSettled([group.commit(1), group.commit(2)]);
    await turn();
    const next = group.commit(3);
    writes[0]!.finish(new Error('disk full'));
    for (const result of await failed)
      expect(result).toMatchObject({ reason: { message: 'refused', cause: { message: 'disk full' } } });
    await turn();
    writes[1]!.finish();
    await expect(next).resolves.toBeUndefined();
  });

  it('turns away what is too much, at once, and nobody who waits', async () => {
    const { group, writes, turn } = harness({ maxWaiting: 2 });
    const waiting = Promise.all([group.commit(1), group.commit(2)]);
    await expect(group.commit(3)).rejects.toThrow('refused');
    await turn();
    writes[0]!.finish();
    await waiting;
  });
});
