import type { ListPage } from '@claviger/vaults/contract';

/**
 * Lists one folder (`''` is the root): its names, sub-folders ending in `/`. `after` and `limit` are wishes: a server
 * that knows them answers with less, another one with everything.
 */
export type ListFolder = (
  folder: string,
  page: { readonly after?: string; readonly limit: number },
) => Promise<readonly string[]>;

export type ListQuery = {
  readonly prefix: string;
  readonly recursive: boolean;
  readonly limit: number;
  readonly cursor?: string;
};

const FOLDER_PAGE = 1000;
/** How many sub-folders of a folder are asked for before their turn comes. */
const WALK_AHEAD = 8;

/** A page of names in the order of their UTF-8 bytes, which is the server's. The cursor is the last name of the page. */
export async function listPage(list: ListFolder, query: ListQuery): Promise<ListPage> {
  const { prefix, recursive, limit, cursor } = query;
  const wanted = limit + 1;
  const found = recursive
    ? await new Walk(list, prefix, wanted).collect('', cursor)
    : await pageOf(list, prefix, cursor, wanted);
  const names = found.slice(0, limit);
  return { names, cursor: found.length > limit ? names.at(-1) : undefined };
}

async function pageOf(
  list: ListFolder,
  folder: string,
  after: string | undefined,
  limit: number,
): Promise<readonly string[]> {
  const names = await list(folder, { limit, ...(after === undefined ? {} : { after }) });
  return names.filter((name) => after === undefined || compareNames(name, after) > 0).sort(compareNames);
}

/** Goes through folders in the order of the full names, so that a page needs no more than the folders it shows. */
class Walk {
  readonly #names: string[] = [];
  readonly #ahead = new Map<string, Promise<readonly string[]>>();

  constructor(
    private readonly list: ListFolder,
    private readonly prefix: string,
    private readonly wanted: number,
  ) {}

  /** Names below `folder` (relative to the prefix) that come after the name `cursor` inside of it. */
  async collect(folder: string, cursor: string | undefined): Promise<readonly string[]> {
    let after = cursor === undefined ? undefined : keyBefore(cursor);
    for (;;) {
      const keys = await this.#page(folder, after);
      for (const [index, key] of keys.entries()) {
        if (this.#names.length >= this.wanted) return this.#names;
        if (!key.endsWith('/')) {
          if (cursor === undefined || compareNames(key, cursor) > 0) this.#names.push(folder + key);
          continue;
        }
        if (cursor !== undefined && compareNames(key, cursor) < 0 && !cursor.startsWith(key)) continue;
        this.#lookAhead(folder, keys.slice(index, index + WALK_AHEAD), cursor);
        await this.collect(folder + key, cursor?.startsWith(key) ? cursor.slice(key.length) : undefined);
      }
      if (keys.length < FOLDER_PAGE || this.#names.length >= this.wanted) return this.#names;
      after = keys.at(-1);
    }
  }

  /** Asks for coming folders at once. What nobody comes to fetch may fail unheard. */
  #lookAhead(folder: string, keys: readonly string[], cursor: string | undefined): void {
    for (const key of keys) {
      const next = folder + key;
      if (!key.endsWith('/') || cursor?.startsWith(key) || this.#ahead.has(next)) continue;
      const page = pageOf(this.list, this.#path(next), undefined, FOLDER_PAGE);
      page.catch(() => undefined);
      this.#ahead.set(next, page);
    }
  }

  #page(folder: string, after: string | undefined): Promise<readonly string[]> {
    const asked = after === undefined ? this.#ahead.get(folder) : undefined;
    this.#ahead.delete(folder);
    return asked ?? pageOf(this.list, this.#path(folder), after, FOLDER_PAGE);
  }

  #path(folder: string): string {
    return `${this.prefix}/${folder}`.replace(/^\/|\/$/g, '');
  }
}

/** A key that no key leading to a name behind the cursor comes before: `a` for the cursor `a/x`, as `a/` is behind it. */
function keyBefore(cursor: string): string | undefined {
  const slash = cursor.indexOf('/');
  return slash < 0 ? cursor : cursor.slice(0, slash);
}

function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
