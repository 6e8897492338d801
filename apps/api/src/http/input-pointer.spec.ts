import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { inputPointer } from './input-pointer.js';

const schema = z.strictObject({
  name: z.string().optional(),
  labels: z.record(z.string(), z.string()).default({}),
  items: z.array(z.strictObject({ kind: z.string() })).nullable(),
  plans: z.array(z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('a'), one: z.string() })])),
  limit: z.coerce.number().transform(String),
});

describe('the pointer to a problem in an input', () => {
  it.each([
    ['body', [], '#'],
    ['body', ['name'], '#/name'],
    ['body', ['items', 3, 'kind'], '#/items/3/kind'],
    ['body', ['plans', 0, 'one'], '#/plans/0/one'],
    ['query', ['limit'], 'query/limit'],
  ] as const)('names what the schema names: %s %j', (part, path, pointer) => {
    expect(inputPointer(part, schema, path)).toBe(pointer);
  });

  it.each([
    [['hunter2'], '#/*'],
    [['labels', 'hunter2'], '#/labels/*'],
    [['items', 0, 'hunter2', 'deeper'], '#/items/0/*/*'],
    [['plans', 0, 'hunter2'], '#/plans/0/*'],
    [['toString'], '#/*'],
  ] as const)('never quotes a key that the schema does not name: %j', (path, pointer) => {
    expect(inputPointer('body', schema, path)).toBe(pointer);
  });
});
