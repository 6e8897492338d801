/** What entries are searched by, as far as an index of words knows it. */
export type WordFilters = {
  readonly actor?: string;
  readonly action?: string;
  readonly outcome?: string;
  readonly resourceKind?: string;
  readonly resource?: string;
};

/** As long as the database's `audit_words` makes them, in characters. */
const MAX_WORD = 200;

/** The words that `audit_words` finds in a batch which has an entry that fits; the entry itself is judged afterwards. */
export function wordsOf({ actor, action, outcome, resourceKind, resource }: WordFilters): string[] {
  const words: string[] = [];
  if (actor !== undefined) words.push(`a:${actor}`);
  if (action !== undefined) words.push(`n:${action}`);
  if (outcome !== undefined) words.push(`o:${outcome}`);
  if (resourceKind !== undefined) words.push(`k:${resourceKind}`);
  if (resource !== undefined) words.push(`r:${resource}`);
  return words.map((word) => Array.from(word).slice(0, MAX_WORD).join(''));
}
