import { isNameAllowed, PATH_NAME_RULE, type ListPage, type ListQuery } from '@claviger/vaults/contract';
import { decodeName, encodeName } from './aws.names.js';

/** A page of stored names in no order, and where AWS goes on. */
export type StoredPage = { readonly names: readonly string[]; readonly next: string | undefined };

/** A page of the stored names that begin with the prefix. */
export type StoredNames = (page: {
  readonly storedPrefix: string;
  readonly limit: number;
  readonly after: string | undefined;
}) => Promise<StoredPage>;

/** How many secrets AWS lists at once (AWS, ListSecrets). */
const MAX_PAGE = 100;

/**
 * A page of names below a folder.
 * @param below the stored prefix of the mount, with its slash; `''` for the whole account
 */
export function listNames(stored: StoredNames, below: string, query: ListQuery): Promise<ListPage> {
  const start = below + encodeName(query.prefix === '' ? '' : `${query.prefix}/`);
  return query.order === 'any' && query.recursive
    ? listAsStored(stored, start, query)
    : listInOrder(stored, start, query);
}

/** A page as AWS has it; the cursor is AWS's. Pages of which nothing is to be shown are passed over. */
async function listAsStored(stored: StoredNames, start: string, { limit, cursor }: ListQuery): Promise<ListPage> {
  let after = cursor;
  for (;;) {
    const page = await stored({ storedPrefix: start, limit: Math.min(limit, MAX_PAGE), after });
    const names = page.names.flatMap((name) => relativeName(name, start) ?? []).sort(compareNames);
    if (names.length > 0 || page.next === undefined) return { names, cursor: page.next };
    after = page.next;
  }
}

/** Undefined for what others named so that no path of ours leads there, which is not ours to show. */
function relativeName(stored: string, start: string): string | undefined {
  // The filter matches beginnings of names; that it does so exactly is not promised.
  const relative = stored.startsWith(start) ? decodeName(stored.slice(start.length)) : undefined;
  return relative !== undefined && isNameAllowed(PATH_NAME_RULE, relative) ? relative : undefined;
}

/**
 * A page of names in the order of their UTF-8 bytes. AWS lists in no such order, so that each page goes through all
 * names below the prefix; of them no more are kept than a few pages hold. The cursor is the last name of the page.
 */
async function listInOrder(stored: StoredNames, start: string, query: ListQuery): Promise<ListPage> {
  const { recursive, limit, cursor } = query;
  let found = new Set<string>();
  let after: string | undefined;
  do {
    const page = await stored({ storedPrefix: start, limit: MAX_PAGE, after });
    for (const name of page.names) {
      const relative = relativeName(name, start);
      if (relative === undefined) continue;
      const slash = relative.indexOf('/');
      const shown = recursive || slash < 0 ? relative : relative.slice(0, slash + 1);
      if (cursor === undefined || compareNames(shown, cursor) > 0) found.add(shown);
    }
    if (found.size > 4 * (limit + 1)) found = new Set(first(found, limit + 1));
    after = page.next;
  } while (after !== undefined);
  const names = first(found, limit + 1);
  return { names: names.slice(0, limit), cursor: names.length > limit ? names[limit - 1] : undefined };
}

function first(names: Iterable<string>, count: number): readonly string[] {
  return [...names].sort(compareNames).slice(0, count);
}

function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
