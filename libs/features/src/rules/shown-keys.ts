/** What a condition is made of. */
export const CONDITION_WORDS = ['all', 'any', 'not', 'fact', 'operator', 'value', 'path'] as const;

const SHOWN = new WeakMap<object, ReadonlySet<string>>();

/**
 * Lets problems in what this schema takes be told with these keys in their place, however deep. Any other key is not told: what a
 * caller wrote where a key belongs may be a secret.
 */
export function showKeys<S extends object>(schema: S, words: readonly string[]): S {
  SHOWN.set(schema, new Set(words));
  return schema;
}

/** The keys that may be told within what a schema takes; undefined for a schema that says nothing about it. */
export function shownKeys(schema: object): ReadonlySet<string> | undefined {
  return SHOWN.get(schema);
}
