import type { Condition } from './condition.js';

/** Judges facts as a condition says. A fact that is missing is equal to `null` and to nothing else. */
export type Predicate = (facts: Readonly<Record<string, unknown>>) => boolean;

/** One comparison of a condition. */
export type Comparison = {
  readonly fact: string;
  readonly operator: string;
  readonly value: unknown;
  /** Of the entry of a map: `$.name`. */
  readonly path?: string;
};

/** By the operators of json-rules-engine 7, and the two that we add. */
const OPERATORS: Readonly<Record<string, (fact: unknown, value: unknown) => boolean>> = {
  equal: (fact, value) => fact === value,
  notEqual: (fact, value) => fact !== value,
  in: (fact, value) => (value as readonly unknown[]).includes(fact),
  notIn: (fact, value) => !(value as readonly unknown[]).includes(fact),
  contains: (fact, value) => Array.isArray(fact) && fact.includes(value),
  doesNotContain: (fact, value) => Array.isArray(fact) && !fact.includes(value),
  lessThan: (fact, value) => isNumber(fact) && fact < (value as number),
  lessThanInclusive: (fact, value) => isNumber(fact) && fact <= (value as number),
  greaterThan: (fact, value) => isNumber(fact) && fact > (value as number),
  greaterThanInclusive: (fact, value) => isNumber(fact) && fact >= (value as number),
  startsWith: (fact, value) => typeof fact === 'string' && fact.startsWith(value as string),
  endsWith: (fact, value) => typeof fact === 'string' && fact.endsWith(value as string),
};

const isNumber = (fact: unknown): fact is number => typeof fact === 'number' && !Number.isNaN(fact);

/**
 * A condition without problems as a function: the one way in which conditions are judged, of approvals and of compliance. It gives
 * what json-rules-engine gives, at once and without a promise, except that a fact that is missing is `null` and not undefined.
 */
export function compileCondition(condition: Condition): Predicate {
  const { all, any, not } = condition as Readonly<Record<'all' | 'any' | 'not', unknown>>;
  if (not !== undefined) {
    const inner = compileNode(not);
    return (facts) => !inner(facts);
  }
  const inner = ((all ?? any) as readonly unknown[]).map(compileNode);
  return all === undefined ? (facts) => inner.some((one) => one(facts)) : (facts) => inner.every((one) => one(facts));
}

/** All comparisons of a condition without problems. */
export function comparisonsOf(condition: Condition): Comparison[] {
  const { all, any, not } = condition as Readonly<Record<'all' | 'any' | 'not', unknown>>;
  const inner = not === undefined ? ((all ?? any) as readonly unknown[]) : [not];
  return inner.flatMap((node) => (isComparison(node) ? [node] : comparisonsOf(node as Condition)));
}

function compileNode(node: unknown): Predicate {
  if (!isComparison(node)) return compileCondition(node as Condition);
  const { fact, operator, value, path } = node;
  const holds = OPERATORS[operator]!;
  const key = path?.slice('$.'.length);
  return (facts) => holds(pick(facts[fact], key) ?? null, value);
}

function pick(value: unknown, key: string | undefined): unknown {
  if (key === undefined) return value;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return null;
  return (value as Record<string, unknown>)[key];
}

const isComparison = (node: unknown): node is Comparison =>
  typeof node === 'object' && node !== null && Object.hasOwn(node, 'fact');
