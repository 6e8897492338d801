import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compileCondition } from './compiled-condition.js';
import { conditionProblems, type Condition, type FactKinds } from './condition.js';

const FACTS: FactKinds = { type: 'text', age: 'number', isOld: 'boolean', packs: 'list', labels: 'map' };
const leaf = (fact: string, operator: string, value: unknown, path?: string): object => ({
  fact,
  operator,
  value,
  ...(path && { path }),
});

describe('conditions', () => {
  it.each([
    ['an equal text', { all: [leaf('type', 'equal', 'jwt')] }, true],
    ['another text', { all: [leaf('type', 'equal', 'api-key')] }, false],
    ['one of several', { any: [leaf('type', 'equal', 'api-key'), leaf('age', 'greaterThan', 5)] }, true],
    ['a negation', { not: leaf('isOld', 'equal', true) }, true],
    ['groups in groups', { all: [{ any: [leaf('age', 'lessThan', 5), leaf('type', 'in', ['jwt'])] }] }, true],
    ['an entry of a map', { all: [leaf('labels', 'equal', 'prod', '$.env')] }, true],
    ['an entry with dots in its name', { all: [leaf('labels', 'equal', 'x', '$.a.b')] }, true],
    ['an entry that is not there', { all: [leaf('labels', 'equal', 'prod', '$.constructor')] }, false],
    ['an entry that is not there, as null', { all: [leaf('labels', 'equal', null, '$.team')] }, true],
    ['the beginning of a text', { all: [leaf('type', 'startsWith', 'jw')] }, true],
    ['the end of a text', { all: [leaf('labels', 'endsWith', 'od', '$.env')] }, true],
    ['what a list contains', { all: [leaf('packs', 'contains', 'base')] }, true],
  ])('judges %s', (_, condition, expected) => {
    expect(conditionProblems(condition, FACTS)).toEqual([]);
    const facts = { type: 'jwt', age: 7, isOld: false, packs: ['base'], labels: { env: 'prod', 'a.b': 'x' } };
    expect(compileCondition(condition as Condition)(facts)).toBe(expected);
  });

  it.each([
    ['no group', leaf('type', 'equal', 'jwt'), ''],
    ['two groups', { all: [], any: [] }, ''],
    ['an empty group', { all: [] }, '/all'],
    ['an unknown fact', { all: [leaf('nmae', 'equal', 'x')] }, '/all/0/fact'],
    ['a fact of every object', { all: [leaf('constructor', 'equal', 'x')] }, '/all/0/fact'],
    ['an unknown operator', { all: [leaf('type', 'matches', 'x')] }, '/all/0/operator'],
    ['an operator of another kind', { any: [{ not: leaf('type', 'lessThan', 1) }] }, '/any/0/not/operator'],
    ['a value of another kind', { all: [leaf('age', 'equal', '7')] }, '/all/0/value'],
    ['a value that is no list', { all: [leaf('type', 'in', 'jwt')] }, '/all/0/value'],
    ['a map without a path', { all: [leaf('labels', 'equal', 'x')] }, '/all/0/path'],
    ['a path where there is nothing to pick', { all: [leaf('type', 'equal', 'x', '$.a')] }, '/all/0/path'],
    ['something else', { all: [{ ...leaf('type', 'equal', 'x'), params: {} }] }, '/all/0/params'],
    ['a fact as the value', { all: [leaf('type', 'equal', { fact: 'age' })] }, '/all/0/value'],
    ['no object', null, ''],
  ])('refuses %s, naming the place', (_, condition, pointer) => {
    expect(conditionProblems(condition, FACTS)[0]).toMatchObject({ pointer });
  });

  it.each([
    ['equal', 'jtw', '/all/0/value'],
    ['in', ['jwt', 'jtw'], '/all/0/value'],
    ['equal', 'jwt', undefined],
    ['notEqual', null, undefined],
    ['startsWith', 'jw', undefined],
  ])('knows which values a fact can have, where they are few: %s %j', (operator, value, pointer) => {
    const [problem] = conditionProblems({ all: [leaf('type', operator, value)] }, FACTS, { type: ['jwt', 'api-key'] });
    expect(problem?.pointer).toBe(pointer);
  });

  it('refuses what is too deep or too much', () => {
    let deep: object = { all: [leaf('age', 'equal', 1)] };
    for (let level = 0; level < 8; level += 1) deep = { all: [deep] };
    expect(conditionProblems(deep, FACTS)[0]?.message).toMatch(/deeper/);
    const wide = { any: Array.from({ length: 100 }, () => leaf('age', 'equal', 1)) };
    expect(conditionProblems(wide, FACTS)[0]?.message).toMatch(/more than/);
  });

  it('answers for whatever it is given', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => Array.isArray(conditionProblems(value, FACTS))));
  });

  it('judges whatever has no problems, without an error', () => {
    const scalar = fc.oneof(fc.string({ maxLength: 5 }), fc.integer(), fc.boolean(), fc.constant(null));
    const node = fc.record({
      fact: fc.constantFrom(...Object.keys(FACTS)),
      operator: fc.constantFrom('equal', 'in', 'contains', 'startsWith', 'lessThan'),
      value: fc.oneof(scalar, fc.array(scalar, { maxLength: 2 })),
      path: fc.option(fc.constantFrom('$.a', '$.__proto__'), { nil: undefined }),
    });
    const facts = { type: 't', labels: { a: 'b' } };
    fc.assert(
      fc.property(fc.array(node, { maxLength: 4 }), (all) => {
        const condition = { all: all.map(({ path, ...rest }) => (path ? { ...rest, path } : rest)) };
        if (conditionProblems(condition, FACTS).length > 0) return;
        expect(typeof compileCondition(condition)(facts)).toBe('boolean');
      }),
    );
  });
});
