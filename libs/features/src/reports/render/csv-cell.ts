import type { Cell } from '../report-definition.js';

/**
 * What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection), behind whatever it skips before it;
 * the wide forms are read as the narrow ones by some. A tab or line end at the beginning is one by itself.
 */
const FORMULA = /^(?:[\t\r\n]|[\s\p{C}'"]*[=+\-@＝＋－＠])/u;

/**
 * A cell of a CSV file (RFC 4180) that a spreadsheet shows and never computes: a text that could be a formula gets an
 * apostrophe in front. Numbers are left as they are, since nothing but digits, a sign and a point can stand in them.
 */
export function csvCell(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'number' || typeof cell === 'boolean') return String(cell);
  const text = typeof cell === 'string' ? cell : cell.join('; ');
  return `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}

/** A line of a CSV file. */
export function csvLine(cells: readonly (Cell | undefined)[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}
