import assert from 'node:assert/strict';
import type { CaseContext } from '../case-context.js';
import type { ConformanceTheme } from '../conformance-case.js';
import { compareNames } from '../name-order.js';
import { allowingNames, both, having } from '../requirement.js';

const FOLDERS = allowingNames('a/b');

async function store(ctx: CaseContext, ...names: readonly string[]): Promise<void> {
  for (const name of names) await ctx.put(name, '{"n":"1"}');
}

/** Pages through a folder and checks each page as it comes. */
async function pages(
  ctx: CaseContext,
  query: { folder: string; recursive: boolean; limit: number; order?: 'any' },
): Promise<readonly string[]> {
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await ctx.page({ ...query, ...(cursor === undefined ? {} : { cursor }) });
    assert.ok(page.names.length <= query.limit, 'a page is longer than its limit');
    assert.ok(names.length < 100, 'the pages do not end');
    assert.ok(page.names.length > 0 || page.cursor === undefined, 'an empty page promises more');
    names.push(...page.names);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return names;
}

export const LISTING: ConformanceTheme = {
  theme: 'listing',
  cases: [
    {
      name: 'lists nothing where nothing is stored',
      run: async (ctx) => {
        assert.deepEqual(await ctx.page({ folder: '' }), { names: [], cursor: undefined });
        assert.deepEqual(await ctx.page({ folder: '', recursive: true }), { names: [], cursor: undefined });
      },
    },
    {
      name: 'lists nothing in an unknown folder',
      run: async (ctx) => {
        await store(ctx, 'a');
        assert.deepEqual(await ctx.page({ folder: 'unknown' }), { names: [], cursor: undefined });
        assert.deepEqual(await ctx.page({ folder: 'unknown', recursive: true }), { names: [], cursor: undefined });
      },
    },
    {
      name: 'lists one level, with folders that end in a slash',
      requires: FOLDERS,
      run: async (ctx) => {
        await store(ctx, 'b', 'a/x', 'c/y/z');
        assert.deepEqual(await ctx.list(''), ['a/', 'b', 'c/']);
      },
    },
    {
      name: 'lists the names of a folder relative to it',
      requires: FOLDERS,
      run: async (ctx) => {
        await store(ctx, 'top', 'team/b', 'team/a', 'team/sub/c');
        assert.deepEqual(await ctx.list('team'), ['a', 'b', 'sub/']);
        assert.deepEqual(await ctx.list('team/sub'), ['c']);
      },
    },
    {
      name: 'lists all names below a folder when recursive, and no folders',
      requires: FOLDERS,
      run: async (ctx) => {
        await store(ctx, 'top', 'team/a', 'team/sub/c', 'team/sub/deeper/d', 'team/z');
        assert.deepEqual(await ctx.list('team', { recursive: true }), ['a', 'sub/c', 'sub/deeper/d', 'z']);
      },
    },
    {
      name: 'lists a name that is an object and a folder as both',
      requires: FOLDERS,
      run: async (ctx) => {
        await store(ctx, 'both', 'both/inner');
        assert.deepEqual(await ctx.list(''), ['both', 'both/']);
        assert.deepEqual(await ctx.list('both'), ['inner']);
        assert.deepEqual(await ctx.list('both', { recursive: true }), ['inner']);
      },
    },
    {
      name: 'lists a folder without its neighbours of a longer name',
      requires: FOLDERS,
      run: async (ctx) => {
        await store(ctx, 'app/x', 'app2/y', 'app-old/z', 'application');
        assert.deepEqual(await ctx.list('app'), ['x']);
        assert.deepEqual(await ctx.list('app', { recursive: true }), ['x']);
      },
    },
    {
      name: 'lists a folder once, however much is in it',
      requires: FOLDERS,
      run: async (ctx) => {
        await store(ctx, 'full/a', 'full/b', 'full/c/d', 'full/e');
        assert.deepEqual(await pages(ctx, { folder: '', recursive: false, limit: 1 }), ['full/']);
      },
    },
    {
      name: 'lists an object once, however many versions it has',
      run: async (ctx) => {
        await store(ctx, 'a', 'a', 'a');
        assert.deepEqual(await ctx.list(''), ['a']);
      },
    },
    {
      name: 'lists names in the order of their code points',
      requires: allowingNames('B', '_', 'ß', '\uff5e', '\u{1f511}'),
      run: async (ctx) => {
        const names = ['a', 'B', '\u{1f511}', 'b', '_', '\uff5e', 'a-', 'ß', '10', '9'];
        await store(ctx, ...names);
        assert.deepEqual(await ctx.list(''), [...names].sort(compareNames));
      },
    },
    {
      name: 'covers one level by pages, each name exactly once and in order',
      run: async (ctx) => {
        const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
        await store(ctx, ...[...names].reverse());
        for (const limit of [1, 2, 3, 7, 8]) {
          assert.deepEqual(await pages(ctx, { folder: '', recursive: false, limit }), names);
        }
      },
    },
    {
      name: 'covers folders by pages, each exactly once and in order',
      requires: FOLDERS,
      run: async (ctx) => {
        await store(ctx, 'a/1', 'a/2', 'b', 'b/1', 'b/2', 'b/3', 'c');
        for (const limit of [1, 2, 3]) {
          assert.deepEqual(await pages(ctx, { folder: '', recursive: false, limit }), ['a/', 'b', 'b/', 'c']);
        }
      },
    },
    {
      name: 'covers everything below a folder by pages when recursive',
      requires: FOLDERS,
      run: async (ctx) => {
        const names = ['a', 'a/b', 'a/b/c', 'a-b', 'b/a', 'c'].sort(compareNames);
        await store(ctx, ...names.map((name) => `in/${name}`), 'out');
        for (const limit of [1, 2, 3, 6]) {
          assert.deepEqual(await pages(ctx, { folder: 'in', recursive: true, limit }), names);
        }
      },
    },
    {
      name: 'covers everything below a folder by pages, each name exactly once, for who minds no order',
      requires: FOLDERS,
      run: async (ctx) => {
        const names = ['a', 'a/b', 'a/b/c', 'a-b', 'b/a', 'c'].sort(compareNames);
        await store(ctx, ...names.map((name) => `in/${name}`), 'out');
        for (const limit of [1, 2, 3, 6, 7]) {
          const found = await pages(ctx, { folder: 'in', recursive: true, limit, order: 'any' });
          assert.deepEqual([...found].sort(compareNames), names);
        }
      },
    },
    {
      name: 'gives no cursor with the last page, also when it is full',
      run: async (ctx) => {
        await store(ctx, 'a', 'b');
        assert.equal((await ctx.page({ limit: 2 })).cursor, undefined);
      },
    },
    {
      name: 'goes on after a page whose names were purged meanwhile',
      run: async (ctx) => {
        await store(ctx, 'a', 'b', 'c', 'd');
        const first = await ctx.page({ limit: 2 });
        for (const name of first.names) await ctx.purge(name);
        const rest = await ctx.page({ limit: 9, cursor: first.cursor ?? 'no cursor' });
        assert.deepEqual(
          [first.names, rest.names],
          [
            ['a', 'b'],
            ['c', 'd'],
          ],
        );
      },
    },
    {
      name: 'lists no folder whose objects are all purged',
      requires: FOLDERS,
      run: async (ctx) => {
        await store(ctx, 'gone/x', 'stays/y');
        await ctx.purge('gone/x');
        assert.deepEqual(await ctx.list(''), ['stays/']);
      },
    },
    {
      name: 'lists a folder whose name needs encoding',
      requires: allowingNames('a b?c#d%e/f'),
      run: async (ctx) => {
        await store(ctx, 'a b?c#d%e/f=1', 'a b?c#d%e/g/h', 'a b');
        assert.deepEqual(await ctx.list('a b?c#d%e'), ['f=1', 'g/']);
        assert.deepEqual(await ctx.list('a b?c#d%e', { recursive: true }), ['f=1', 'g/h']);
      },
    },
    {
      name: 'lists an object whose versions are all hidden, until it is purged',
      requires: both(having('softDelete'), having('versionedReads')),
      run: async (ctx) => {
        await ctx.softDelete('a', (await ctx.put('a', '{"n":"1"}')).version);
        assert.deepEqual(await ctx.list(''), ['a']);
        assert.deepEqual(await ctx.list('', { recursive: true }), ['a']);
      },
    },
  ],
};
