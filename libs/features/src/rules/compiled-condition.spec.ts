import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Engine, type TopLevelCondition } from 'json-rules-engine';
import { compileCondition, comparisonsOf } from './compiled-condition.js';
import { conditionProblems, type Condition, type FactKinds } from './condition.js';

const FACTS: FactKinds = { type: 'text', age: 'number', isOld: 'boolean', packs: 'list', labels: 'map' };

const word = fc.constantFrom('a', 'b', 'ab', 'ba', '');
const number = fc.constantFrom(-1, 0, 0.5, 1, 2);
const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  text: fc.option(word),
  number: fc.option(number),
  boolean: fc.option(fc.boolean()),
  list: word,
  map: fc.option(word),
};
const operators: Readonly<Record<string, readonly string[]>> = {
  text: ['equal', 'notEqual', 'in', 'notIn', 'startsWith', 'endsWith'],
  number: ['equal', 'notEqual', 'in', 'notIn', 'lessThan', 'lessThanInclusive', 'greaterThan', 'greaterThanInclusive'],
  boolean: ['equal', 'notEqual'],
  list: ['contains', 'doesNotContain'],
  map: ['equal', 'notEqual', 'in', 'notIn', 'startsWith', 'endsWith'],
};

const comparison = fc.constantFrom(...Object.keys(FACTS)).chain((fact) => {
  const kind = FACTS[fact]!;
  return fc.constantFrom(...operators[kind]!).chain((operator) => {
    const one = values[kind]!;
    const value = operator === 'in' || operator === 'notIn' ? fc.array(one, { minLength: 1, maxLength: 3 }) : one;
    const path = kind === 'map' ? { path: fc.constantFrom('$.a', '$.b', '$.constructor') } : {};
    return fc.record({ fact: fc.constant(fact), operator: fc.constant(operator), value, ...path });
  });
});
const condition = fc.letrec<{ group: Condition; node: unknown }>((tie) => ({
  node: fc.oneof({ depthSize: 'small' }, comparison, tie('group')),
  group: fc.oneof(
    fc.record({ all: fc.array(tie('node'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('node'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie('node') }),
  ),
})).group;
const facts = fc.record(
  {
    type: fc.option(word),
    age: fc.option(number),
    isOld: fc.option(fc.boolean()),
    packs: fc.option(fc.array(word, { maxLength: 2 })),
    labels: fc.option(fc.dictionary(fc.constantFrom('a', 'b'), word)),
  },
  { requiredKeys: [] },
);

/** What the library says, with our two operators and resolver, where every fact that is missing is given as null. */
async function holdsByLibrary(wanted: Condition, given: Readonly<Record<string, unknown>>): Promise<boolean> {
  const pathResolver = (value: unknown, path: string): unknown => {
    const key = path.slice('$.'.length);
    return value !== null && Object.hasOwn(value as object, key) ? (value as Record<string, unknown>)[key] : null;
  };
  const engine = new Engine([], { pathResolver });
  for (const name of ['startsWith', 'endsWith'] as const)
    engine.addOperator<unknown, string>(name, (fact, text) => typeof fact === 'string' && fact[name](text));
  engine.addRule({ conditions: wanted as unknown as TopLevelCondition, event: { type: 'holds' } });
  const all = Object.fromEntries(Object.keys(FACTS).map((name) => [name, given[name] ?? null]));
  return (await engine.run(all)).events.length > 0;
}

describe('a compiled condition', () => {
  it('gives what the library gives', async () => {
    await fc.assert(
      fc.asyncProperty(condition, facts, async (wanted, given) => {
        fc.pre(conditionProblems(wanted, FACTS).length === 0);
        expect(compileCondition(wanted)(given)).toBe(await holdsByLibrary(wanted, given));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['equal', null, true],
    ['equal', 1, false],
    ['notEqual', null, false],
    ['notEqual', 1, true],
    ['in', [1], false],
    ['notIn', [1], true],
    ['lessThan', 1, false],
  ])('takes a fact that is not given for null: %s %j', (operator, value, expected) => {
    expect(compileCondition({ all: [{ fact: 'age', operator, value }] })({})).toBe(expected);
    expect(compileCondition({ all: [{ fact: 'age', operator, value }] })({ age: undefined })).toBe(expected);
  });

  it('knows its comparisons, however deep', () => {
    const one = { fact: 'type', operator: 'equal', value: 'a' };
    const two = { fact: 'age', operator: 'lessThan', value: 3 };
    expect(comparisonsOf({ all: [one, { any: [{ not: two }] }] })).toEqual([one, two]);
  });
});
