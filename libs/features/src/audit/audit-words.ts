import type { AuditQuery } from './audit-reader.js';

/** As long as the database's `audit_words` makes them, in characters. */
const MAX_WORD = 200;

/** The words that `audit_words` finds in a batch which has an entry that fits; the entry itself is judged afterwards. */
export function wordsOf(
  query: Pick<AuditQuery, 'actor' | 'action' | 'outcome' | 'resourceKind' | 'resource'>,
): string[] {
  const { actor, action, outcome, resourceKind, resource } = query;
  const words: string[] = [];
  if (actor !== undefined) words.push(`a:${actor}`);
  if (action !== undefined) words.push(`n:${action}`);
  if (outcome !== undefined) words.push(`o:${outcome}`);
  if (resourceKind !== undefined) words.push(`k:${resourceKind}`);
  if (resource !== undefined) words.push(`r:${resource}`);
  return words.map((word) => Array.from(word).slice(0, MAX_WORD).join(''));
}
