import { AppError } from '@claviger/kernel';
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

/** Orders and cuts a select by a list query; ties are broken by id. @throws AppError CURSOR_INVALID */
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
    if (type === 'timestamptz' && Number.isNaN(Date.parse(query.after.value))) throw cursorInvalid();
    select.andWhere(`(${column}, ${alias}.id) ${query.descending ? '<' : '>'} (:afterValue::${type}, :afterId::uuid)`, {
      afterValue: query.after.value,
      afterId: query.after.id,
    });
  }
  return select.orderBy(`${alias}.${query.sort}`, direction).addOrderBy(`${alias}.id`, direction).limit(query.limit);
}

const cursorInvalid = (): AppError =>
  new AppError({
    code: 'CURSOR_INVALID',
    kind: 'invalid',
    message: 'The cursor is of a list in another order. Start again without it.',
  });
