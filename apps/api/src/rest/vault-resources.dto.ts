import { LIST_SORTS, type ListPosition } from '@claviger/features/vault-profiles';
import { CHECK_STATUSES } from '@claviger/vaults/contract';
import { z } from 'zod';
import { fromCursor, pageQuery } from '../http/page.js';
import { queryFlag } from '../http/query-flag.js';
import { withoutUndefined } from './without-undefined.js';

// What the endpoints of vault instances and of vault profiles have in common.

export const idOrName = z.string().min(1).max(63).meta({ description: 'Id or name.', example: 'prod' });

/** What saving either takes. */
export const saveQuery = z.strictObject({
  check: queryFlag('Ask the vault before anything is saved.', true),
});

export const listQuery = {
  ...pageQuery,
  namePrefix: z.string().max(63).optional(),
  sort: z.enum(LIST_SORTS).default('name'),
  order: z.enum(['asc', 'desc']).default('asc'),
};

const listCursor = z.object({ value: z.string(), id: z.uuid() });

type ListInput = { readonly limit: number; readonly cursor?: string | undefined; readonly order: 'asc' | 'desc' };
type ListOutput<Q> = Omit<Present<Q>, 'cursor' | 'order'> & {
  readonly descending: boolean;
  readonly after?: ListPosition;
};
type Present<Q> = { [K in keyof Q]: Exclude<Q[K], undefined> };

/** What the service is asked for a page: one row more than the page has, to see whether there is a next one. */
export function toListQuery<Q extends ListInput>({ limit, cursor, order, ...filters }: Q): ListOutput<Q> {
  const after = fromCursor(cursor, listCursor);
  return {
    ...withoutUndefined(filters),
    limit: limit + 1,
    descending: order === 'desc',
    ...(after ? { after } : {}),
  } as unknown as ListOutput<Q>;
}

export const checkView = z
  .object({
    status: z.enum(CHECK_STATUSES),
    message: z.string().meta({ description: 'What was found and, unless ready, what to do.' }),
    latencyMs: z.number(),
    product: z.string().optional(),
    version: z.string().optional(),
    serverIdentity: z.string().optional(),
    capabilities: z.record(z.string(), z.unknown()).optional(),
    flavour: z.string().optional(),
  })
  .meta({
    id: 'VaultCheck',
    example: {
      status: 'ready',
      message: 'The vault is ready.',
      latencyMs: 3,
      product: 'openbao',
      version: '2.7.2',
      serverIdentity: 'cbd15ee1-a894-8cd6-6f57-ce9c24f6c9d8',
      flavour: 'kv2',
    },
  });
