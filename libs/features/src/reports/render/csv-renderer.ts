import type { ReportColumn, ReportHead, ReportRow } from '../report-definition.js';
import { csvLine } from './csv-cell.js';
import type { ReportRenderer } from './renderer.js';

/** The rows alone, under the names of their columns; what the report is stands in its signature. */
export class CsvRenderer implements ReportRenderer {
  readonly format = 'csv';
  #columns: readonly ReportColumn[] = [];

  begin({ columns }: ReportHead): string {
    this.#columns = columns;
    return csvLine(columns.map(({ name }) => name));
  }

  rows(rows: readonly ReportRow[]): string {
    return rows.map((row) => csvLine(this.#columns.map(({ name }) => row[name]))).join('');
  }

  async end(): Promise<string> {
    return '';
  }
}
