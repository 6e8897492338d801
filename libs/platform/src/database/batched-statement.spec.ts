import { describe, expect, it } from '@jest/globals';
import { DatabaseError } from 'pg';
import { BatchedStatement } from './batched-statement.js';

type Item = { readonly key: string; readonly value: number };

function refusal(severity: string): DatabaseError {
  const error = new DatabaseError('refused', 0, 'error');
  error.severity = severity;
  return error;
}

/** Statements that note their batches; one that holds the value 13 is answered with `failure`. */
function statements(log: number[][], failure: Error = refusal('ERROR'), maxBatch = 100) {
  let inFlight = 0;
  return new BatchedStatement<Item, number>({
    keyOf: ({ key }) => key,
    maxBatch,
    maxInFlight: 2,
    execute: async (items) => {
      expect((inFlight += 1)).toBeLessThanOrEqual(2);
      log.push(items.map(({ value }) => value));
      await new Promise(setImmediate);
      inFlight -= 1;
      if (items.some(({ value }) => value === 13)) throw failure;
      return items.map(({ value }) => value * 10);
    },
  });
}

describe('BatchedStatement', () => {
  it('runs the items of one turn together, in the order of their keys, and gives each its own result', async () => {
    const log: number[][] = [];
    const batched = statements(log);
    const items = [
      { key: 'c', value: 3 },
      { key: 'a', value: 1 },
      { key: 'b', value: 2 },
    ];
    expect(await Promise.all(items.map((item) => batched.submit(item)))).toEqual([30, 10, 20]);
    expect(log).toEqual([[1, 2, 3]]);
  });

  it('never puts two items of one key into one batch, and keeps their order', async () => {
    const log: number[][] = [];
    const batched = statements(log);
    const items = [1, 2, 3].map((value) => ({ key: 'same', value }));
    expect(await Promise.all(items.map((item) => batched.submit(item)))).toEqual([10, 20, 30]);
    expect(log).toEqual([[1], [2], [3]]);
  });

  it('loses nobody when more wait than a batch takes', async () => {
    const log: number[][] = [];
    const batched = statements(log, undefined, 3);
    const items = Array.from({ length: 40 }, (_, value) => ({ key: `k${value}`, value: value + 100 }));
    const results = await Promise.all(items.map((item) => batched.submit(item)));
    expect(results).toEqual(items.map(({ value }) => value * 10));
    expect(log.every((batch) => batch.length <= 3)).toBe(true);
  });

  it('repeats a refused batch one by one, so that only the refused item fails', async () => {
    const log: number[][] = [];
    const batched = statements(log);
    const items = [1, 13, 2].map((value) => ({ key: `k${value}`, value }));
    const results = await Promise.allSettled(items.map((item) => batched.submit(item)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(log).toEqual([[1, 13, 2], [1], [13], [2]]);
  });

  it.each([
    ['the connection was lost', new Error('the connection was lost')],
    ['the server ended the session', refusal('FATAL')],
  ])('repeats nothing when nobody knows whether it was written: %s', async (_, failure) => {
    const log: number[][] = [];
    const batched = statements(log, failure);
    const items = [1, 13].map((value) => ({ key: `k${value}`, value }));
    const results = await Promise.allSettled(items.map((item) => batched.submit(item)));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(log).toHaveLength(1);
  });

  it('goes on after a failure', async () => {
    const batched = statements([]);
    await expect(batched.submit({ key: 'a', value: 13 })).rejects.toThrow('refused');
    expect(await batched.submit({ key: 'a', value: 1 })).toBe(10);
  });
});
