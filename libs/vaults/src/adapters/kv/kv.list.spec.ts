import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { listPage, type ListFolder, type ListQuery } from './kv.list.js';

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** A server's folder listing over these names; `pages` tells whether it knows `after` and `limit`, as OpenBao does. */
function server(names: readonly string[], pages: boolean): ListFolder & { calls: number } {
  const answer: ListFolder = async (folder, { after, limit }) => {
    list.calls += 1;
    const start = folder === '' ? '' : `${folder}/`;
    const keys = new Set(
      names.filter((name) => name.startsWith(start)).map((name) => name.slice(start.length).replace(/\/.*$/su, '/')),
    );
    const sorted = [...keys].sort(byBytes);
    return pages ? sorted.filter((key) => after === undefined || byBytes(key, after) > 0).slice(0, limit) : sorted;
  };
  const list = Object.assign(answer, { calls: 0 });
  return list;
}

async function all(list: ListFolder, query: Omit<ListQuery, 'cursor'>): Promise<readonly string[]> {
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await listPage(list, { ...query, ...(cursor === undefined ? {} : { cursor }) });
    expect(page.names.length).toBeLessThanOrEqual(query.limit);
    expect(page.cursor === undefined || page.names.length === query.limit).toBe(true);
    names.push(...page.names);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return names;
}

const segment = fc.stringMatching(/^[ab!\-~🔑～]{1,2}$/u);
const name = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));

describe('listPage', () => {
  it('gives every name below a folder once, in the order of its bytes, whatever the page size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(name, { maxLength: 20 }),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        fc.constantFrom('', 'a', 'a/b'),
        async (names, limit, pages, prefix) => {
          const start = prefix === '' ? '' : `${prefix}/`;
          const below = names.filter((one) => one.startsWith(start)).map((one) => one.slice(start.length));
          expect(await all(server(names, pages), { prefix, recursive: true, limit })).toEqual([...below].sort(byBytes));
          const level = [...new Set(below.map((one) => one.replace(/\/.*$/su, '/')))].sort(byBytes);
          expect(await all(server(names, pages), { prefix, recursive: false, limit })).toEqual(level);
        },
      ),
    );
  });

  it.each([true, false])('covers a folder larger than a page of the server (which pages: %s)', async (pages) => {
    const names = Array.from({ length: 2500 }, (_, index) => `f/${index}`);
    expect(await all(server(names, pages), { prefix: '', recursive: true, limit: 400 })).toEqual(names.sort(byBytes));
  });

  it('asks for no more folders than the page needs, and a few ahead', async () => {
    const list = server(
      Array.from({ length: 200 }, (_, index) => `f${String(index).padStart(3, '0')}/x`),
      true,
    );
    await listPage(list, { prefix: '', recursive: true, limit: 10 });
    expect(list.calls).toBeLessThan(25);
  });

  it('passes a failure on, and leaves none of the folders asked ahead unhandled', async () => {
    const list: ListFolder = async (folder) => {
      if (folder !== '') throw new Error(`no ${folder}`);
      return ['a/', 'b/', 'c/'];
    };
    await expect(listPage(list, { prefix: '', recursive: true, limit: 10 })).rejects.toThrow('no a');
  });
});
