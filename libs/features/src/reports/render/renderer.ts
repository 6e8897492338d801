import type { Conclusion, ReportHead, ReportRow } from '../report-definition.js';
import type { ReportFormat } from '../report-parameters.js';

/**
 * Writes one document: `begin` once, `rows` for every batch, `end` once. Each gives the bytes that follow those before.
 * The same input gives the same bytes.
 */
export interface ReportRenderer {
  readonly format: ReportFormat;
  begin(head: ReportHead): string;
  rows(rows: readonly ReportRow[]): string;
  end(conclusion: Conclusion): Promise<string | Buffer>;
}

/** Media type and file ending of each format. */
export const MEDIA: Readonly<Record<ReportFormat, { readonly type: string; readonly ending: string }>> = {
  json: { type: 'application/json', ending: 'json' },
  csv: { type: 'text/csv', ending: 'csv' },
  pdf: { type: 'application/pdf', ending: 'pdf' },
};
