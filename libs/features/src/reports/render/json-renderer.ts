import type { Conclusion, ReportHead, ReportRow } from '../report-definition.js';
import type { ReportRenderer } from './renderer.js';

/** One JSON object: what the report is, its rows, one a line, and what they come to. */
export class JsonRenderer implements ReportRenderer {
  readonly format = 'json';
  #isFirst = true;

  begin(head: ReportHead): string {
    const text = JSON.stringify({ format: 'claviger-report/1', ...head });
    return `${text.slice(0, -1)},"rows":[`;
  }

  rows(rows: readonly ReportRow[]): string {
    return rows
      .map((row) => {
        const separator = this.#isFirst ? '\n' : ',\n';
        this.#isFirst = false;
        return separator + JSON.stringify(row);
      })
      .join('');
  }

  async end(conclusion: Conclusion): Promise<string> {
    return `\n],${JSON.stringify(conclusion).slice(1)}\n`;
  }
}
