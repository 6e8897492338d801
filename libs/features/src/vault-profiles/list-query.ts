import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';

/** Columns that instances and profiles are listed by. */
export const LIST_SORTS = ['name', 'createdAt', 'updatedAt'] as const;
export type ListSort = (typeof LIST_SORTS)[number];

/** The place in a list after which a page begins: what the last row of the page before holds. */
export type ListPosition = { readonly value: string; readonly id: string };

/** One page of a list. */
export type ListQuery = {
  readonly limit: number;
  readonly after?: ListPosition;
  readonly sort: ListSort;
  readonly descending: boolean;
  readonly namePrefix?: string;
};

const COLUMNS: Readonly<Record<ListSort, string>> = { name: 'name', createdAt: 'created_at', updatedAt: 'updated_at' };

/** The position of a row in a list of that order. */
export function listPosition(
  row: { readonly id: string; readonly name: string; readonly createdAt: Date; readonly updatedAt: Date },
  sort: ListSort,
): ListPosition {
  const value = row[sort];
  return { value: value instanceof Date ? value.toISOString() : value, id: row.id };
}

/** Orders and cuts a select by a list query; ties are broken by id. */
export function addListQuery<E extends ObjectLiteral>(
  select: SelectQueryBuilder<E>,
  alias: string,
  query: ListQuery,
): SelectQueryBuilder<E> {
  const column = `${alias}.${COLUMNS[query.sort]}`;
  const direction = query.descending ? 'DESC' : 'ASC';
  if (query.namePrefix !== undefined)
    select.andWhere(`starts_with(${alias}.name, :namePrefix)`, { namePrefix: query.namePrefix });
  if (query.after !== undefined) {
    const type = query.sort === 'name' ? 'text' : 'timestamptz';
    select.andWhere(`(${column}, ${alias}.id) ${query.descending ? '<' : '>'} (:afterValue::${type}, :afterId::uuid)`, {
      afterValue: query.after.value,
      afterId: query.after.id,
    });
  }
  return select.orderBy(`${alias}.${query.sort}`, direction).addOrderBy(`${alias}.id`, direction).limit(query.limit);
}
