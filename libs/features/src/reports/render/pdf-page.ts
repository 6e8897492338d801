import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Cell, ReportColumn, ReportRow } from '../report-definition.js';
import { setFont, type Doc, type Weight } from './pdf-fonts.js';

export const INK = '#1a1a1a';
export const FAINT = '#6b6b6b';
export const RULE = '#c8c8c8';

const CELL_SIZE = 7;
const CELL_LINES = 2;
const ROW_HEIGHT = 19;
const GAP = 4;
/** Rows that are laid out in one go: a thousand of them take seconds, and whoever else is served by this process has a turn in between. */
const ROWS_AT_ONCE = 20;

export const leftOf = (doc: Doc): number => doc.page.margins.left;
export const widthOf = (doc: Doc): number => doc.page.width - doc.page.margins.left - doc.page.margins.right;
const bottomOf = (doc: Doc): number => doc.page.height - doc.page.margins.bottom;

/** Begins a new page where less than that is left of this one. */
export function ensureRoom(doc: Doc, height: number): void {
  if (doc.y + height > bottomOf(doc)) doc.addPage();
}

/** The heading of a part, never alone at the end of a page: a table has its head and a row there. */
export function heading(doc: Doc, text: string): void {
  ensureRoom(doc, 40 + 2 * ROW_HEIGHT);
  doc.moveDown(1);
  const shown = setFont(doc, 'bold', text);
  doc
    .fontSize(12)
    .fillColor(INK)
    .text(shown, leftOf(doc), doc.y, { width: widthOf(doc) });
  doc.moveDown(0.4);
}

/** A paragraph. */
export function paragraph(doc: Doc, text: string, color = INK): void {
  ensureRoom(doc, 24);
  const shown = setFont(doc, 'regular', text);
  doc
    .fontSize(9)
    .fillColor(color)
    .text(shown, leftOf(doc), doc.y, { width: widthOf(doc) });
}

/** Names and values, one under the other. */
export function facts(doc: Doc, pairs: readonly (readonly [name: string, value: string])[]): void {
  for (const [name, value] of pairs) {
    ensureRoom(doc, 14);
    const { y } = doc;
    const shownName = setFont(doc, 'regular', name);
    doc.fontSize(9).fillColor(FAINT).text(shownName, leftOf(doc), y, { width: 130 });
    const shown = setFont(doc, 'regular', value);
    doc.fillColor(INK).text(shown, leftOf(doc) + 140, y, { width: widthOf(doc) - 140, height: 33, ellipsis: true });
    doc.y = Math.max(doc.y, y + 12);
  }
}

/** A table of the columns that have a width; its head is repeated on each page. */
export async function table(doc: Doc, columns: readonly ReportColumn[], rows: readonly ReportRow[]): Promise<void> {
  const shown = columns.filter(({ width }) => width !== undefined);
  const all = shown.reduce((sum, { width }) => sum + width!, 0);
  const widths = shown.map(({ width }) => (widthOf(doc) * width!) / all);
  const titles = shown.map(({ title }) => title);
  line(doc, widths, titles, 'bold');
  for (const [index, row] of rows.entries()) {
    if (index % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await nextTurn();
    if (doc.y + ROW_HEIGHT > bottomOf(doc)) {
      doc.addPage();
      line(doc, widths, titles, 'bold');
    }
    const cells = shown.map(({ name, type }) => cellText(row[name], type));
    line(doc, widths, cells, 'regular');
  }
}

function line(doc: Doc, widths: readonly number[], texts: readonly string[], weight: Weight): void {
  const { y } = doc;
  let x = leftOf(doc);
  doc.fontSize(CELL_SIZE).fillColor(INK);
  texts.forEach((text, index) => {
    const width = widths[index]! - GAP;
    // What is longer is cut with an ellipsis; JSON and CSV have all of it.
    if (text !== '')
      doc.text(setFont(doc, weight, text), x, y, { width, height: CELL_LINES * CELL_SIZE + 3, ellipsis: true });
    x += widths[index]!;
  });
  doc
    .moveTo(leftOf(doc), y + ROW_HEIGHT - 2)
    .lineTo(leftOf(doc) + widthOf(doc), y + ROW_HEIGHT - 2)
    .lineWidth(0.4)
    .stroke(RULE);
  doc.y = y + ROW_HEIGHT;
}

function cellText(cell: Cell | undefined, type: ReportColumn['type']): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  if (typeof cell === 'object') return cell.join(', ');
  return type === 'instant' ? readable(String(cell)) : String(cell);
}

/** `2026-11-21T16:51:34.280Z` as `2026-11-21 16:51:34 UTC`. */
export function readable(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 19)} UTC`;
}
