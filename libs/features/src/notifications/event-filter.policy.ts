import { EVENT_NOUNS, EVENT_TYPES } from './event-types.js';

/** Everything. */
const ALL = '*';

/** Every word that a filter may have: types, `<noun>.*`, and `*`. */
export const EVENT_PATTERNS: readonly string[] = [ALL, ...EVENT_NOUNS.map((noun) => `${noun}.*`), ...EVENT_TYPES];

/** True when one of the words of a filter is about this type. An empty filter is about none. */
export function matchesType(filter: readonly string[], type: string): boolean {
  const patterns: readonly string[] = [ALL, `${type.split('.')[0]!}.*`, type];
  return filter.some((word) => patterns.includes(word));
}
