import { isNameAllowed, PATH_NAME_RULE, type ListPage } from '@claviger/vaults/contract';
import { decodeName, encodeName } from './aws.names.js';

/** All stored names that begin with the prefix, a page at a time, in no order. */
export type StoredNames = (storedPrefix: string) => AsyncIterable<readonly string[]>;

export type ListQuery = {
  readonly prefix: string;
  readonly recursive: boolean;
  readonly limit: number;
  readonly cursor?: string;
};

/**
 * A page of names in the order of their UTF-8 bytes. AWS lists in no such order, so that each page goes through all
 * names below the prefix; of them no more are kept than a few pages hold. The cursor is the last name of the page.
 * @param below the stored prefix of the mount, with its slash; `''` for the whole account
 */
export async function listNames(stored: StoredNames, below: string, query: ListQuery): Promise<ListPage> {
  const { prefix, recursive, limit, cursor } = query;
  const folder = prefix === '' ? '' : `${prefix}/`;
  const start = below + encodeName(folder);
  let found = new Set<string>();
  for await (const names of stored(start)) {
    for (const name of names) {
      const relative = name.startsWith(start) ? decodeName(name.slice(start.length)) : undefined;
      // What others named so that no path of ours leads there is not ours to show.
      if (relative === undefined || !isNameAllowed(PATH_NAME_RULE, relative)) continue;
      const slash = relative.indexOf('/');
      const shown = recursive || slash < 0 ? relative : relative.slice(0, slash + 1);
      if (cursor === undefined || compareNames(shown, cursor) > 0) found.add(shown);
    }
    if (found.size > 4 * (limit + 1)) found = new Set(first(found, limit + 1));
  }
  const names = first(found, limit + 1);
  return { names: names.slice(0, limit), cursor: names.length > limit ? names[limit - 1] : undefined };
}

function first(names: Iterable<string>, count: number): readonly string[] {
  return [...names].sort(compareNames).slice(0, count);
}

function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
