import type { ListPage, VaultAdapter } from '../../contract/index.js';
import { compareNames } from '../name-order.js';
import { currentState, failure, look, type Mutant, type Mutants } from './mutation.js';

type Query = Parameters<VaultAdapter['list']>[1];

/** Pages come out changed. */
const paging =
  (change: (page: ListPage, query: Query) => ListPage): Mutant =>
  (real) => ({
    list: async (call, query) => change(await real.list(call, query), query),
  });

/** Names come out changed. */
const listing = (change: (names: readonly string[], query: Query) => readonly string[]): Mutant =>
  paging((page, query) => ({ ...page, names: change(page.names, query) }));

/** The query goes in changed. */
const asking =
  (change: (query: Query) => Query): Mutant =>
  (real) => ({
    list: (call, query) => real.list(call, change(query)),
  });

export const LISTING_MUTANTS: Mutants = {
  'lists nothing where nothing is stored': paging((page, { prefix, recursive, cursor }) =>
    page.names.length === 0 && prefix === '' && !recursive && cursor === undefined ? { ...page, cursor: 'more' } : page,
  ),
  'lists nothing in an unknown folder': paging((page, { prefix }) => {
    if (page.names.length === 0 && prefix !== '') throw failure('NOT_FOUND', 'list');
    return page;
  }),
  'lists one level, with folders that end in a slash': listing((names, { prefix }) =>
    prefix === '' ? names.map((name) => (name === 'c/' ? 'c' : name)) : names,
  ),
  'lists the names of a folder relative to it': listing((names, { prefix }) =>
    prefix.includes('/') ? names.map((name) => `${prefix}/${name}`) : names,
  ),
  'lists all names below a folder when recursive, and no folders': listing((names, { recursive }) =>
    recursive ? names.filter((name) => !name.includes('/deeper/')) : names,
  ),
  'lists a name that is an object and a folder as both': (real, vault) => ({
    list: async (call, query) => {
      const page = await real.list(call, query);
      return vault.snapshot().has(query.prefix) ? { ...page, names: ['', ...page.names] } : page;
    },
  }),
  'lists a folder without its neighbours of a longer name': (real, vault) => ({
    list: async (call, query) => {
      const page = await real.list(call, query);
      const { prefix } = query;
      const longer = [...vault.snapshot().keys()].filter(
        (name) => name.startsWith(prefix) && name[prefix.length] !== '/',
      );
      return prefix === '' ? page : { ...page, names: [...page.names, ...longer.filter((name) => name !== prefix)] };
    },
  }),
  'lists a folder once, however much is in it': paging((page, { limit }) =>
    limit === 1 && page.cursor === undefined && page.names[0]?.endsWith('/')
      ? { ...page, cursor: page.names[0].slice(0, -1) }
      : page,
  ),
  'lists an object once, however many versions it has': (real, vault) => ({
    list: async (call, query) => {
      const page = await real.list(call, query);
      const count = (name: string): number => vault.snapshot().get(name)?.versions.length ?? 1;
      return { ...page, names: page.names.flatMap((name) => (count(name) === 3 ? [name, name, name] : [name])) };
    },
  }),
  'lists names in the order of their code points': listing((names) => [...names].sort()),
  'covers one level by pages, each name exactly once and in order': {
    alsoBreaks: ['covers folders by pages, each exactly once and in order'],
    mutant: paging((page, { cursor, limit, recursive }) =>
      cursor && !recursive && limit < 9 ? { ...page, names: [cursor, ...page.names].slice(0, limit) } : page,
    ),
  },
  'covers folders by pages, each exactly once and in order': asking((query) =>
    query.cursor && !query.recursive ? { ...query, cursor: query.cursor.replace(/\/?$/, '/') } : query,
  ),
  'covers everything below a folder by pages when recursive': asking((query) =>
    !query.order && query.cursor?.includes('/') ? { ...query, cursor: query.cursor.replace(/\/.*/, '/\uffff') } : query,
  ),
  'covers everything below a folder by pages, each name exactly once, for who minds no order': paging((page, query) =>
    query.order === 'any' && query.cursor
      ? { ...page, names: [query.cursor, ...page.names].slice(0, query.limit) }
      : page,
  ),
  'gives no cursor with the last page, also when it is full': paging((page, { limit }) => ({
    ...page,
    cursor: page.names.length === limit ? page.names.at(-1) : page.cursor,
  })),
  'goes on after a page whose names were purged meanwhile': (real) => ({
    list: async (call, query) => {
      const offset = Number(query.cursor ?? 0);
      const { names } = await real.list(call, { prefix: query.prefix, recursive: query.recursive, limit: 1e6 });
      const end = offset + query.limit;
      return { names: names.slice(offset, end), cursor: names.length > end ? String(end) : undefined };
    },
  }),
  'lists no folder whose objects are all purged': (real) => {
    const emptied = new Set<string>();
    return {
      purge: async (call, name) => {
        await real.purge(call, name);
        if (name.includes('/')) emptied.add(name.replace(/\/.*/, '/'));
      },
      list: async (call, query) => {
        const page = await real.list(call, query);
        const names = query.recursive ? page.names : [...new Set([...page.names, ...emptied])].sort(compareNames);
        return { ...page, names };
      },
    };
  },
  'lists a folder whose name needs encoding': asking((query) => ({
    ...query,
    prefix: query.prefix.replace(/\?.*/, ''),
  })),
  'lists an object whose versions are all hidden, until it is purged': (real) => ({
    list: async (call, query) => {
      const page = await real.list(call, query);
      const states = await Promise.all(page.names.map(async (name) => currentState(await look(real, call, name))));
      return { ...page, names: page.names.filter((_, index) => states[index] !== 'deleted') };
    },
  }),
};
