import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { textOfPdf } from '../../../../testing/src/pdf-text.js';
import type { Conclusion, ReportColumn, ReportHead, ReportRow } from '../report-definition.js';
import { CsvRenderer } from './csv-renderer.js';
import { JsonRenderer } from './json-renderer.js';
import { roundUp } from './pdf-chart.js';
import { PDF_ROWS, PdfRenderer } from './pdf-renderer.js';
import { pdfText } from './pdf-text.js';
import type { ReportRenderer } from './renderer.js';

const columns: readonly ReportColumn[] = [
  { name: 'name', title: 'Name', type: 'text', width: 2 },
  { name: 'at', title: 'When', type: 'instant', width: 2 },
  { name: 'isOn', title: 'On', type: 'flag', width: 1 },
  { name: 'tags', title: 'Tags', type: 'list', width: 1 },
  { name: 'count', title: 'Count', type: 'number' },
];
const head: ReportHead = {
  reportId: 'report-1',
  storeId: 'store-1',
  kind: 'inventory',
  title: 'Inventory',
  description: 'All there is.',
  parameters: { owner: 'team-a' },
  moment: '2026-11-01T00:00:00.000Z',
  drawnAt: '2026-11-21T16:51:34.280Z',
  requestedBy: { id: 'user:1', name: 'ada' },
  seal: { storeId: 'store-1', number: 7, hash: 'abc123', merkleRoot: 'def', sealedAt: '2026-11-21T16:51:00.000Z' },
  columns,
};
const row = (name: string): ReportRow => ({
  name,
  at: '2026-10-01T12:30:00.000Z',
  isOn: true,
  tags: ['x', 'y'],
  count: 3,
});
const conclusion: Conclusion = {
  summary: [{ name: 'Secrets', value: 2 }],
  trend: { title: 'Over time', labels: ['2026-09-01', '2026-10-01'], series: [{ name: 'secrets', values: [1, 2] }] },
  findings: [
    { severity: 'critical', code: 'A', title: 'Worst', count: 1, examples: ['one'] },
    { severity: 'low', code: 'B', title: 'Least', count: 2, examples: ['two', 'three'] },
  ],
  sections: [{ title: 'Waivers', columns: [columns[0]!], rows: [{ name: 'waived' }] }],
};

async function render(renderer: ReportRenderer, rows: readonly ReportRow[], end = conclusion): Promise<Buffer> {
  const parts: (string | Buffer)[] = [renderer.begin(head)];
  for (let at = 0; at < rows.length; at += 2) parts.push(renderer.rows(rows.slice(at, at + 2)));
  parts.push(await renderer.end(end));
  return Buffer.concat(parts.map((part) => Buffer.from(part as string)));
}

describe('the JSON of a report', () => {
  it('is one object of what it is, its rows and what they come to', async () => {
    const rows = [row('a'), row('b'), row('c')];
    const parsed = JSON.parse((await render(new JsonRenderer(), rows)).toString()) as object;
    expect(parsed).toEqual({ format: 'claviger-report/1', ...head, rows, ...conclusion });
  });

  it('holds no rows where there are none', async () => {
    expect(JSON.parse((await render(new JsonRenderer(), [])).toString())).toMatchObject({ rows: [] });
  });
});

describe('the CSV of a report', () => {
  it('is a line for each row under the names of the columns', async () => {
    const text = (await render(new CsvRenderer(), [row('=1+1'), row('b')])).toString();
    expect(text).toBe(
      '"name","at","isOn","tags","count"\r\n' +
        `"'=1+1","2026-10-01T12:30:00.000Z",true,"x; y",3\r\n` +
        '"b","2026-10-01T12:30:00.000Z",true,"x; y",3\r\n',
    );
  });
});

describe('the PDF of a report', () => {
  it('tells a person what it is, its summary, trend, findings by severity, tables and rows', async () => {
    const text = textOfPdf(await render(new PdfRenderer(), [row('first'), row('second')]));
    const order = [
      'Inventory', 'as of 2026-11-01 00:00:00 UTC', 'All there is.', 'report-1', 'owner: "team-a"', 'ada (user:1)',
      'number 7', 'abc123', 'Summary', 'Secrets', 'Over time', '2026-09-01', 'Findings by severity', 'critical', 'Worst',
      'low', 'Least', 'two, three', 'Waivers', 'waived', 'Rows: 2', 'Name', 'first', '2026-10-01 12:30:00', 'yes', 'x, y',
      'second',
    ]; // prettier-ignore
    let at = 0;
    for (const words of order) {
      const found = text.indexOf(words, at);
      expect({ words, isThere: found >= 0 }).toEqual({ words, isThere: true });
      at = found;
    }
  });

  it('says on every page which report it is, under which seal, and of how many pages', async () => {
    const rows = Array.from({ length: 120 }, (_, index) => row(`secret-${index}`));
    const text = textOfPdf(await render(new PdfRenderer(), rows));
    const pages = Number(/Page 1 of (\d+)/.exec(text)![1]);
    expect(pages).toBeGreaterThan(3);
    for (let page = 1; page <= pages; page += 1) expect(text).toContain(`Page ${page} of ${pages}`);
    const footer = 'Report report-1, drawn 2026-11-21 16:51:34 UTC, under audit seal 7, abc123';
    expect(text.split(footer)).toHaveLength(pages + 1);
    for (const { name } of rows) expect(text).toContain(name as string);
  });

  it('has the heading of a table on the page of its first row', async () => {
    for (let lines = 0; lines < 24; lines += 1) {
      const summary = Array.from({ length: lines }, (_, index) => ({ name: `n${index}`, value: index }));
      const text = textOfPdf(await render(new PdfRenderer(), [row('first')], { ...conclusion, summary }));
      for (const [heading, within] of [
        ['Findings by severity', 'Worst'],
        ['Waivers', 'waived'],
        ['Rows: 1', 'first'],
      ]) {
        const at = text.indexOf(heading!);
        expect(text.slice(at, text.indexOf(within!, at))).not.toMatch(/Page \d+ of/);
      }
    }
  });

  it('gives others their turns while it is drawn', async () => {
    let turns = 0;
    let isOver = false;
    const take = (): void => {
      turns += 1;
      if (!isOver) setImmediate(take);
    };
    const rows = Array.from({ length: 200 }, (_, index) => row(`secret-${index}`));
    // Loaded before, so that only drawing is counted.
    await render(new PdfRenderer(), []);
    take();
    await render(new PdfRenderer(), rows);
    isOver = true;
    expect(turns).toBeGreaterThanOrEqual(10);
  });

  it('says how many rows it leaves out', async () => {
    const rows = Array.from({ length: PDF_ROWS + 1 }, (_, index) => row(`secret-${index}`));
    const text = textOfPdf(await render(new PdfRenderer(), rows));
    expect(text).toContain(`Rows: ${PDF_ROWS + 1}`);
    expect(text).toContain(`The first ${PDF_ROWS} are shown`);
    expect(text).not.toContain(`secret-${PDF_ROWS}`);
  });

  it('is drawn whatever stands in it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), async (text) => {
        const trend = { ...conclusion.trend!, labels: [text, text] };
        const bytes = await render(new PdfRenderer(), [row(text)], { ...conclusion, trend });
        expect(bytes.subarray(0, 5).toString()).toBe('%PDF-');
      }),
      { numRuns: 20 },
    );
  });
});

describe('every renderer', () => {
  it.each([JsonRenderer, CsvRenderer, PdfRenderer])(
    '%p writes the same bytes for the same report',
    async (Renderer) => {
      const rows = [row('a'), row('Ж')];
      expect(await render(new Renderer(), rows)).toEqual(await render(new Renderer(), rows));
    },
  );
});

describe('the texts of a PDF', () => {
  const shownOf = async (name: string): Promise<string> => textOfPdf(await render(new PdfRenderer(), [row(name)]));

  it.each(['Zürich – 5 €', 'Łódź, Đà Nẵng', 'Ключ от базы', 'Κλειδί της βάσης', 'Ґ, ў, ѫ and Ἀθῆναι', '₽ №'])(
    'show %s as it is',
    async (name) => {
      expect(await shownOf(name)).toContain(name);
    },
  );

  it.each([
    ['日本', '\\u{65e5}\\u{672c}'],
    ['\u{1f511}', '\\u{1f511}'],
    ['two\nlines', 'two\\u{a}lines'],
    ['\u202egnp.exe', '\\u{202e}gnp.exe'],
    ['e\u0301', 'e\\u{301}'],
    ['a\u00a0b', 'a\\u{a0}b'],
    ['שלום', '\\u{5e9}\\u{5dc}\\u{5d5}\\u{5dd}'],
  ])('name what they have no sign for, or none that stands by itself: %j', async (name, shown) => {
    expect(await shownOf(name)).toContain(shown);
  });

  it('embed a font only where one is needed, and of it what is needed', async () => {
    const [plain, wide] = [
      await render(new PdfRenderer(), [row('plain')]),
      await render(new PdfRenderer(), [row('Ж')]),
    ];
    expect(plain.includes('FontFile2')).toBe(false);
    expect(wide.includes('FontFile2')).toBe(true);
    expect(wide.length - plain.length).toBeLessThan(10_000);
  });
});

describe('pdfText', () => {
  it('asks for an embedded font only for what the standard ones cannot show', () => {
    const asked: number[] = [];
    const hasSign = (code: number): boolean => asked.push(code) > 0 && code !== 0x65e5;
    expect(pdfText('Zürich – 5 €', hasSign)).toEqual({ text: 'Zürich – 5 €', isStandard: true });
    expect(asked).toEqual([]);
    expect(pdfText('Ж日', hasSign)).toEqual({ text: 'Ж\\u{65e5}', isStandard: false });
    expect(pdfText('日', hasSign)).toEqual({ text: '\\u{65e5}', isStandard: true });
  });
});

describe('roundUp', () => {
  it('is not less, at most four times as much, and halves to a whole number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (value) => {
        const next = roundUp(value);
        expect(next).toBeGreaterThanOrEqual(value);
        expect(next).toBeLessThanOrEqual(value * 4);
        expect(Number.isInteger(next / 2)).toBe(true);
      }),
    );
  });
});
