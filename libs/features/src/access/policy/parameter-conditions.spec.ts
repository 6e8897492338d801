import { describe, expect, it } from '@jest/globals';
import { mergeConditions, satisfies, type ParameterConditions, type ParameterValue } from './parameter-conditions.js';

type Rules = Readonly<Record<string, readonly ParameterValue[]>>;
type Given = { readonly allowed?: Rules; readonly denied?: Rules; readonly required?: readonly string[] };
type Case = {
  readonly because: string;
  readonly given: Given;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly passes: boolean;
};

const conditions = (given: Given): ParameterConditions => ({
  allowed: new Map(Object.entries(given.allowed ?? {})),
  denied: new Map(Object.entries(given.denied ?? {})),
  required: given.required ?? [],
});

const ANY: readonly ParameterValue[] = [];

describe('satisfies', () => {
  it.each<Case>([
    { because: 'nothing is asked', given: {}, parameters: { a: 1 }, passes: true },
    { because: 'a required name is there', given: { required: ['a'] }, parameters: { a: null }, passes: true },
    { because: 'a required name is missing', given: { required: ['a'] }, parameters: { b: 1 }, passes: false },
    { because: 'a required name is missing from nothing', given: { required: ['a'] }, parameters: {}, passes: false },
    {
      because: 'a required name must be sent in lower case',
      given: { required: ['a'] },
      parameters: { A: 1 },
      passes: false,
    },
    { because: 'inherited names are not there', given: { required: ['constructor'] }, parameters: {}, passes: false },
    { because: 'no parameters pass denied ones', given: { denied: { '*': ANY } }, parameters: {}, passes: true },
    { because: 'no parameters pass allowed ones', given: { allowed: { a: ANY } }, parameters: {}, passes: true },
    { because: 'all are denied', given: { denied: { '*': ['x'] } }, parameters: { a: 1 }, passes: false },
    { because: 'any value is denied', given: { denied: { a: ANY } }, parameters: { a: 1 }, passes: false },
    {
      because: 'names of denied parameters ignore case',
      given: { denied: { a: ANY } },
      parameters: { A: 1 },
      passes: false,
    },
    { because: 'a denied value is sent', given: { denied: { a: ['x'] } }, parameters: { a: 'x' }, passes: false },
    {
      because: 'another value than the denied one is sent',
      given: { denied: { a: ['x'] } },
      parameters: { a: 'y' },
      passes: true,
    },
    {
      because: 'another name than the denied one is sent',
      given: { denied: { a: ANY } },
      parameters: { b: 1 },
      passes: true,
    },
    { because: 'an allowed name is sent', given: { allowed: { a: ANY } }, parameters: { a: 1 }, passes: true },
    {
      because: 'names of allowed parameters ignore case',
      given: { allowed: { a: ANY } },
      parameters: { A: 1 },
      passes: true,
    },
    {
      because: 'an unnamed parameter is sent',
      given: { allowed: { a: ANY } },
      parameters: { a: 1, b: 1 },
      passes: false,
    },
    {
      because: 'unnamed parameters are allowed by *',
      given: { allowed: { a: ANY, '*': ['x'] } },
      parameters: { b: 1 },
      passes: true,
    },
    {
      because: '* does not free a named parameter',
      given: { allowed: { a: ['x'], '*': ANY } },
      parameters: { a: 'y' },
      passes: false,
    },
    {
      because: 'a value is not among the allowed',
      given: { allowed: { a: ['x', 'y'] } },
      parameters: { a: 'z' },
      passes: false,
    },
    {
      because: 'denied comes before allowed',
      given: { allowed: { a: ANY }, denied: { a: ['x'] } },
      parameters: { a: 'x' },
      passes: false,
    },
  ])('$because: $passes', ({ given, parameters, passes }) => {
    expect(satisfies(parameters, conditions(given))).toBe(passes);
  });

  it.each<readonly [ParameterValue, unknown, boolean]>([
    ['x', 'x', true],
    ['x', 'X', false],
    ['', '', true],
    ['', 'x', false],
    ['*', '*', true],
    ['*', 'x', false],
    ['**', 'x', true],
    ['ab*', 'abc', true],
    ['ab*', 'cab', false],
    ['*ab', 'cab', true],
    ['*ab', 'abc', false],
    ['*ab*', 'cabc', true],
    ['*ab*', 'cba', false],
    ['a*b', 'axb', false],
    ['a*b', 'a*b', true],
    [true, true, true],
    [true, 'true', false],
    ['true', true, false],
    ['5', 5, false],
    ['x', null, false],
    ['x', ['x'], false],
  ])('value %p against %p: %p', (value, given, passes) => {
    expect(satisfies({ a: given }, conditions({ allowed: { a: [value] } }))).toBe(passes);
    expect(satisfies({ a: given }, conditions({ denied: { a: [value] } }))).toBe(!passes);
  });
});

describe('mergeConditions', () => {
  it('unites names, values and required names, and lets "any value" win', () => {
    const merged = mergeConditions(
      conditions({ allowed: { a: ['1'], b: ['1'], c: ANY }, denied: { d: ['1'] }, required: ['r'] }),
      conditions({ allowed: { a: ['2', '1'], b: ANY, c: ['1'] }, denied: { d: ['2'] }, required: ['s', 'r'] }),
    );
    expect(merged).toEqual(
      conditions({ allowed: { a: ['1', '2'], b: ANY, c: ANY }, denied: { d: ['1', '2'] }, required: ['r', 's'] }),
    );
  });

  it('keeps a list that only one of two stanzas has', () => {
    const restricted = conditions({ allowed: { a: ANY }, denied: { d: ANY }, required: ['r'] });
    expect(mergeConditions(conditions({}), restricted)).toEqual(restricted);
    expect(mergeConditions(restricted, conditions({}))).toEqual(restricted);
  });
});
