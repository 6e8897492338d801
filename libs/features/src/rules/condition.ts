/** What the conditions of one kind of rule may speak of. A `map` has texts by name, which a `path` picks one of. */
export type FactKinds = Readonly<Record<string, 'text' | 'number' | 'boolean' | 'list' | 'map'>>;

/** The values that facts can have, where they are few: a condition about any other would never hold, or always. */
export type KnownValues = Readonly<Record<string, readonly string[]>>;

/** Something that is wrong in a condition, and where: a JSON pointer below the condition. */
export type ConditionProblem = { readonly pointer: string; readonly message: string };

/** A condition of json-rules-engine: `all`, `any` or `not` of conditions and of `{ fact, operator, value, path? }`. */
export type Condition = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 6;
const MAX_LEAVES = 64;
const MAX_TEXT = 512;
const GROUPS = ['all', 'any', 'not'] as const;

const SAME = ['equal', 'notEqual', 'in', 'notIn'];
const ORDER = ['lessThan', 'lessThanInclusive', 'greaterThan', 'greaterThanInclusive'];
const WITHIN = ['contains', 'doesNotContain'];
const TEXTS = ['startsWith', 'endsWith'];
const OPERATORS = {
  text: [...SAME, ...TEXTS],
  number: [...SAME, ...ORDER],
  boolean: ['equal', 'notEqual'],
  list: WITHIN,
  map: [...SAME, ...TEXTS],
} as const;

/** `$.team` picks the entry `team`, whatever else it looks like: a name is never taken for an expression. */
const PATH = /^\$\.(.{1,63})$/s;

/** What is wrong with a condition; nothing for one that `compileCondition` can make a function of. */
export function conditionProblems(condition: unknown, facts: FactKinds, values: KnownValues = {}): ConditionProblem[] {
  const judge = new ConditionJudge(facts, values);
  judge.group(condition, '', 1);
  return judge.problems;
}

class ConditionJudge {
  readonly problems: ConditionProblem[] = [];
  #leaves = 0;

  constructor(
    private readonly facts: FactKinds,
    private readonly values: KnownValues,
  ) {}

  group(node: unknown, pointer: string, depth: number): void {
    if (!isObject(node)) return this.#refuse(pointer, 'must be an object with one of all, any, not');
    const groups = GROUPS.filter((name) => Object.hasOwn(node, name));
    const [name] = groups;
    if (groups.length !== 1 || Object.keys(node).length !== 1 || name === undefined)
      return this.#refuse(pointer, 'must have exactly one of all, any, not, and nothing else');
    if (depth > MAX_DEPTH) return this.#refuse(pointer, `goes deeper than ${MAX_DEPTH} levels`);
    const inner = node[name];
    if (name === 'not') return this.#node(inner, `${pointer}/not`, depth);
    if (!Array.isArray(inner) || inner.length === 0)
      return this.#refuse(`${pointer}/${name}`, 'must be a list with at least one condition');
    inner.slice(0, MAX_LEAVES + 1).forEach((one, index) => this.#node(one, `${pointer}/${name}/${index}`, depth));
  }

  #node(node: unknown, pointer: string, depth: number): void {
    const isLeaf = isObject(node) && !GROUPS.some((name) => Object.hasOwn(node, name));
    if (!isLeaf) return this.group(node, pointer, depth + 1);
    this.#leaves += 1;
    if (this.#leaves > MAX_LEAVES) return this.#refuse(pointer, `is one of more than ${MAX_LEAVES} comparisons`);
    this.#leaf(node as Readonly<Record<string, unknown>>, pointer);
  }

  #leaf(leaf: Readonly<Record<string, unknown>>, pointer: string): void {
    const { fact, operator, value, path, ...rest } = leaf;
    for (const name of Object.keys(rest)) this.#refuse(`${pointer}/${name}`, 'is not known here');
    const kind = typeof fact === 'string' && Object.hasOwn(this.facts, fact) ? this.facts[fact] : undefined;
    if (!kind) return this.#refuse(`${pointer}/fact`, `must be one of ${Object.keys(this.facts).join(', ')}`);
    const operators: readonly string[] = OPERATORS[kind];
    if (typeof operator !== 'string' || !operators.includes(operator))
      return this.#refuse(`${pointer}/operator`, `must be one of ${operators.join(', ')} for ${String(fact)}`);
    if (kind === 'map' && !(typeof path === 'string' && PATH.test(path)))
      this.#refuse(`${pointer}/path`, 'must be $. and the name of an entry, as in $.team');
    if (kind !== 'map' && path !== undefined) this.#refuse(`${pointer}/path`, `is not for ${String(fact)}`);
    if (!this.#value(value, operator, kind, `${pointer}/value`)) return;
    this.#known(value, String(fact), operator, `${pointer}/value`);
  }

  /** Whether it is what the operator compares facts of this kind with. */
  #value(value: unknown, operator: string, kind: FactKinds[string], pointer: string): boolean {
    const isOne = (one: unknown): boolean => isScalar(one, kind, operator);
    const isMany = operator === 'in' || operator === 'notIn';
    const isList = Array.isArray(value) && value.length > 0 && value.length <= MAX_LEAVES && value.every(isOne);
    if (isMany ? isList : isOne(value)) return true;
    this.#refuse(
      pointer,
      isMany ? `must be a list of 1 to ${MAX_LEAVES}, each ${wanted(kind)}` : `must be ${wanted(kind)}`,
    );
    return false;
  }

  #known(value: unknown, fact: string, operator: string, pointer: string): void {
    const known = Object.hasOwn(this.values, fact) ? this.values[fact]! : undefined;
    // The beginning of a value is none.
    if (!known || (TEXTS as readonly string[]).includes(operator)) return;
    const isKnown = (one: unknown): boolean => one === null || known.includes(one as string);
    if ((Array.isArray(value) ? value : [value]).every(isKnown)) return;
    this.#refuse(pointer, `is never what ${fact} is: that is one of ${known.join(', ')}`);
  }

  #refuse(pointer: string, message: string): void {
    this.problems.push({ pointer, message });
  }
}

function isScalar(value: unknown, kind: FactKinds[string], operator: string): boolean {
  const mayBeNull = operator === 'equal' || operator === 'notEqual';
  if (value === null) return mayBeNull;
  if (kind === 'number') return typeof value === 'number' && Number.isFinite(value);
  if (kind === 'boolean') return typeof value === 'boolean';
  return typeof value === 'string' && value.length <= MAX_TEXT;
}

function wanted(kind: FactKinds[string]): string {
  if (kind === 'number' || kind === 'boolean') return `a ${kind}`;
  return `a text of at most ${MAX_TEXT} characters`;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
