import { BinaryArrays, type ArrayElement, type ArrayElementType } from './binary-array.js';

/** A column of rows that travel to PostgreSQL as one array for each column. */
export type ArrayColumn<Row> = {
  readonly name: string;
  readonly type: ArrayElementType;
  /** In the form that {@link BinaryArrays} wants. */
  readonly value: (row: Row) => ArrayElement;
};

/**
 * The select list that makes rows of the arrays again, in their order. Set-returning functions of a select list advance
 * together, row by row; in the FROM clause each array would fill a temporary table of its own first.
 *
 * @param first number of the parameter that holds the first column
 */
export function unnestSql(columns: readonly ArrayColumn<never>[], first = 1): string {
  return columns.map(({ name, type }, i) => `unnest($${first + i}::${type}[]) as ${name}`).join(', ');
}

/** Most elements are ids, numbers and short texts. */
const BYTES_PER_ELEMENT = 32;

/** The parameters of {@link unnestSql}. */
export function arrayParameters<Row>(columns: readonly ArrayColumn<Row>[], rows: readonly Row[]): Buffer[] {
  const arrays = new BinaryArrays(columns.length * (rows.length + 1) * BYTES_PER_ELEMENT);
  return columns.map(({ type, value }) => arrays.write(type, rows, value));
}
