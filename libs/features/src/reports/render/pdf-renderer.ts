import type { Conclusion, Finding, ReportColumn, ReportHead, ReportRow } from '../report-definition.js';
import { chart } from './pdf-chart.js';
import { registerFonts, setFont, type Doc } from './pdf-fonts.js';
import { facts, FAINT, heading, INK, leftOf, paragraph, readable, table, widthOf } from './pdf-page.js';
import type { ReportRenderer } from './renderer.js';

/** Rows shown at most: a person reads no more, and JSON and CSV have all. */
export const PDF_ROWS = 1_000;

const FINDING_COLUMNS: readonly ReportColumn[] = [
  { name: 'severity', title: 'Severity', type: 'text', width: 1 },
  { name: 'count', title: 'How many', type: 'number', width: 1 },
  { name: 'title', title: 'What', type: 'text', width: 4 },
  { name: 'examples', title: 'For example', type: 'list', width: 8 },
];

/** A document for people: summary, trend, findings by severity, tables, and on every page where it comes from. */
export class PdfRenderer implements ReportRenderer {
  readonly format = 'pdf';
  readonly #rows: ReportRow[] = [];
  #count = 0;
  #head!: ReportHead;

  begin(head: ReportHead): string {
    this.#head = head;
    return '';
  }

  rows(rows: readonly ReportRow[]): string {
    this.#count += rows.length;
    this.#rows.push(...rows.slice(0, Math.max(0, PDF_ROWS - this.#rows.length)));
    return '';
  }

  async end(conclusion: Conclusion): Promise<Buffer> {
    // Loaded by the first report only: most processes draw none.
    const { default: PDFDocument } = await import('pdfkit');
    const head = this.#head;
    const drawnAt = new Date(head.drawnAt);
    const doc: Doc = new PDFDocument({
      size: 'A4',
      layout: 'landscape',
      margins: { top: 40, bottom: 54, left: 40, right: 40 },
      bufferPages: true,
      info: {
        Title: `${head.title} as of ${head.moment}`,
        Author: 'Claviger',
        CreationDate: drawnAt,
        ModDate: drawnAt,
      },
    });
    registerFonts(doc);
    const pieces: Buffer[] = [];
    doc.on('data', (piece: Buffer) => pieces.push(piece));
    const done = new Promise<Buffer>((resolve, reject) => {
      doc.on('end', () => resolve(Buffer.concat(pieces)));
      doc.on('error', reject);
    });
    await this.#draw(doc, conclusion);
    footers(doc, head);
    doc.end();
    return done;
  }

  async #draw(doc: Doc, { summary, trend, findings, sections }: Conclusion): Promise<void> {
    const head = this.#head;
    const title = setFont(doc, 'bold', head.title);
    doc.fontSize(18).fillColor(INK).text(title);
    paragraph(doc, `as of ${readable(head.moment)}`);
    doc.moveDown(0.5);
    paragraph(doc, head.description, FAINT);
    heading(doc, 'What this is');
    facts(doc, origin(head));
    heading(doc, 'Summary');
    facts(
      doc,
      summary.map(({ name, value }) => [name, String(value)]),
    );
    if (trend) {
      heading(doc, trend.title);
      chart(doc, trend);
    }
    heading(doc, 'Findings by severity');
    if (findings.length === 0) paragraph(doc, 'None.');
    else await table(doc, FINDING_COLUMNS, findings.map(findingRow));
    for (const { title, columns, rows } of sections) {
      heading(doc, title);
      if (rows.length === 0) paragraph(doc, 'None.');
      else await table(doc, columns, rows);
    }
    heading(doc, `Rows: ${this.#count}`);
    if (this.#count > this.#rows.length)
      paragraph(doc, `The first ${this.#rows.length} are shown; JSON and CSV have all of them.`);
    if (this.#count === 0) paragraph(doc, 'None.');
    else await table(doc, head.columns, this.#rows);
  }
}

function findingRow({ severity, count, title, examples }: Finding): ReportRow {
  return { severity, count, title, examples };
}

function origin({ parameters, requestedBy, drawnAt, seal, reportId, storeId }: ReportHead): [string, string][] {
  const given = Object.entries(parameters).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return [
    ['Report', reportId],
    ['Secret store', storeId],
    ['Parameters', given.length === 0 ? 'none' : given.join(', ')],
    ['Requested by', `${requestedBy.name} (${requestedBy.id})`],
    ['Drawn', readable(drawnAt)],
    ['Audit seal', seal ? `number ${seal.number} of ${readable(seal.sealedAt)}` : 'none yet'],
    ...(seal ? [['Hash of the seal', seal.hash] as [string, string]] : []),
  ];
}

/** On every page: what it belongs to, under which seal it was drawn, and how it is checked. */
function footers(doc: Doc, { reportId, drawnAt, seal }: ReportHead): void {
  const { start, count } = doc.bufferedPageRange();
  for (let index = 0; index < count; index += 1) {
    doc.switchToPage(start + index);
    // Below the margin, where a text would begin a new page.
    const { bottom } = doc.page.margins;
    doc.page.margins.bottom = 0;
    const sealed = seal ? `audit seal ${seal.number}, ${seal.hash}` : 'no audit seal yet';
    const y = doc.page.height - 40;
    doc.fontSize(7).fillColor(FAINT);
    const report = setFont(doc, 'regular', `Report ${reportId}, drawn ${readable(drawnAt)}, under ${sealed}`);
    doc.text(report, leftOf(doc), y, { lineBreak: false });
    doc.text('Signed apart from this file: npm run report -- verify', leftOf(doc), y + 10, { lineBreak: false });
    doc.text(`Page ${index + 1} of ${count}`, leftOf(doc), y, {
      width: widthOf(doc),
      align: 'right',
      lineBreak: false,
    });
    doc.page.margins.bottom = bottom;
  }
}
