import { describe, expect, it } from '@jest/globals';
import { showKeys } from '@claviger/features/rules';
import { z } from 'zod';
import { inputPointer } from './input-pointer.js';

const schema = z.strictObject({
  name: z.string().optional(),
  labels: z.record(z.string(), z.string()).default({}),
  items: z.array(z.strictObject({ kind: z.string() })).nullable(),
  plans: z.array(z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('a'), one: z.string() })])),
  limit: z.coerce.number().transform(String),
  rules: z.array(showKeys(z.unknown(), ['when', 'fact'])).transform(String),
});

describe('the pointer to a problem in an input', () => {
  it.each([
    ['body', [], '#'],
    ['body', ['name'], '#/name'],
    ['body', ['items', 3, 'kind'], '#/items/3/kind'],
    ['body', ['plans', 0, 'one'], '#/plans/0/one'],
    ['query', ['limit'], 'query/limit'],
    ['body', ['rules', 1, 'when', 0, 'fact'], '#/rules/1/when/0/fact'],
  ] as const)('names what the schema names: %s %j', (part, path, pointer) => {
    expect(inputPointer(part, schema, path)).toBe(pointer);
  });

  it.each([
    [['hunter2'], '#/*'],
    [['labels', 'hunter2'], '#/labels/*'],
    [['items', 0, 'hunter2', 'deeper'], '#/items/0/*/*'],
    [['plans', 0, 'hunter2'], '#/plans/0/*'],
    [['toString'], '#/*'],
    [['rules', 1, 'when', 'hunter2', 'fact'], '#/rules/1/when/*/fact'],
  ] as const)('never quotes a key that the schema does not name: %j', (path, pointer) => {
    expect(inputPointer('body', schema, path)).toBe(pointer);
  });
});
