import type { Operation } from './capability.js';

/** A value that a parameter may be compared with. */
export type ParameterValue = string | boolean;

/** Names of parameters, lower-cased, with the values in question; none means any value. */
export type ParameterRules = ReadonlyMap<string, readonly ParameterValue[]>;

/** What a rule says about a request's top-level parameters. Empty maps and lists say nothing. */
export type ParameterConditions = {
  readonly allowed: ParameterRules;
  readonly denied: ParameterRules;
  /** Lower-cased names that must be there, whatever their value. */
  readonly required: readonly string[];
};

/** A request's top-level fields (body or query), as decoded. */
export type RequestParameters = Readonly<Record<string, unknown>>;

export const NO_RULES: ParameterRules = new Map();

const CONDITIONAL: ReadonlySet<Operation> = new Set(['create', 'read', 'update', 'patch']);

/** True when parameters can change the answer for this operation; deleting and listing are never judged by them. */
export function judgesParameters(conditions: ParameterConditions, operation: Operation): boolean {
  const isConditional = conditions.allowed.size > 0 || conditions.denied.size > 0 || conditions.required.length > 0;
  return isConditional && CONDITIONAL.has(operation);
}

/**
 * Decides whether parameters satisfy conditions: required names first, then denied, then allowed ones; a request without
 * any parameter passes the last two. The name `*` stands for all. Request names are lower-cased for denied and allowed,
 * but a required name must have been sent in lower case (OpenBao's behaviour, kept).
 */
export function satisfies(parameters: RequestParameters, { allowed, denied, required }: ParameterConditions): boolean {
  if (required.some((name) => !Object.hasOwn(parameters, name))) return false;
  const names = Object.keys(parameters);
  if (names.length === 0) return true;
  if (denied.has('*')) return false;
  const isDenied = (name: string): boolean => {
    const values = denied.get(name.toLowerCase());
    return values !== undefined && includesValue(values, parameters[name]);
  };
  if (names.some(isDenied)) return false;
  if (allowed.size === 0) return true;
  return names.every((name) => {
    const values = allowed.get(name.toLowerCase());
    return values === undefined ? allowed.has('*') : includesValue(values, parameters[name]);
  });
}

/**
 * The conditions that two stanzas of one pattern make together: names are united; so are the values of one name, except
 * that "any value" wins. A stanza without a list does not lift the list of another.
 */
export function mergeConditions(a: ParameterConditions, b: ParameterConditions): ParameterConditions {
  return {
    allowed: mergeRules(a.allowed, b.allowed),
    denied: mergeRules(a.denied, b.denied),
    required: [...new Set([...a.required, ...b.required])].sort(),
  };
}

function mergeRules(a: ParameterRules, b: ParameterRules): ParameterRules {
  const merged = new Map(a);
  for (const [name, values] of b) {
    const existing = merged.get(name);
    const isAny = values.length === 0 || existing?.length === 0;
    merged.set(name, isAny ? [] : [...new Set([...(existing ?? []), ...values])]);
  }
  return merged;
}

function includesValue(values: readonly ParameterValue[], given: unknown): boolean {
  return values.length === 0 || values.some((value) => matchesValue(value, given));
}

/** Texts of two or more characters may begin and end with `*`; everything else must be equal, in type too. */
function matchesValue(value: ParameterValue, given: unknown): boolean {
  if (typeof value !== 'string' || typeof given !== 'string' || value.length < 2) return value === given;
  const anyStart = value.startsWith('*');
  const anyEnd = value.endsWith('*');
  const text = value.slice(anyStart ? 1 : 0, anyEnd ? -1 : undefined);
  if (anyStart && anyEnd) return given.includes(text);
  if (anyStart) return given.endsWith(text);
  return anyEnd ? given.startsWith(text) : given === value;
}
