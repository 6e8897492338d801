import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { csvCell, csvLine } from './csv-cell.js';

/** Reads a file back by the grammar of RFC 4180. */
function parse(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    row.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] !== ',') {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

const FORMULAS = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n'];

describe('csvCell', () => {
  it.each([
    ['=1+1', `"'=1+1"`],
    ['+1', `"'+1"`],
    ['-1', `"'-1"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['\tx', `"'\tx"`],
    ['\n=1', `"'\n=1"`],
    ['  =1', `"'  =1"`],
    ['\u200b=1', `"'\u200b=1"`],
    ['＝1', `"'＝1"`],
    [`"=1`, `"'""=1"`],
    ['a=1', '"a=1"'],
    ['a,"b"\r\nc', '"a,""b""\r\nc"'],
    [null, ''],
    [-5, '-5'],
    [true, 'true'],
    [['a=1', 'b'], '"a=1; b"'],
    [['=1', 'b'], `"'=1; b"`],
  ])('writes %j as %s', (cell, text) => {
    expect(csvCell(cell)).toBe(text);
  });

  it('begins no text with what begins a formula, whatever stands in it', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.tuple(fc.constantFrom(...FORMULAS), fc.string()).map((parts) => parts.join('')),
      fc
        .tuple(fc.constantFrom(' ', "'", '"', '\u00a0'), fc.constantFrom(...FORMULAS), fc.string())
        .map((p) => p.join('')),
    );
    fc.assert(
      fc.property(text, (given) => {
        const [[read = ''] = []] = parse(csvLine([given]));
        expect(FORMULAS).not.toContain(read[0]);
        expect([given, `'${given}`]).toContain(read);
      }),
    );
  });

  it('keeps every text within its cell and its line', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 4 })), (lines) => {
        const read = parse(lines.map(csvLine).join(''));
        expect(read.map((cells) => cells.length)).toEqual(lines.map((cells) => cells.length));
      }),
    );
  });
});
