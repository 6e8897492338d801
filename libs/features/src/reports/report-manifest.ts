import { z } from 'zod';
import { REPORT_FORMATS, REPORT_KINDS, reportParameters } from './report-parameters.js';

/** The last seal of the audit log when a report was drawn: its number, and its hash as the next seal names it. */
export const sealHead = z.strictObject({
  storeId: z.string(),
  number: z.int().positive(),
  hash: z.string(),
  merkleRoot: z.string(),
  sealedAt: z.string(),
});
export type SealHead = z.infer<typeof sealHead>;

export const MANIFEST_FORMAT = 'claviger-report-manifest/1';

/** What a signature vouches for: which bytes, and what they are. Moments are ISO 8601 in UTC. */
export const reportManifest = z.strictObject({
  format: z.literal(MANIFEST_FORMAT),
  reportId: z.string(),
  storeId: z.string(),
  kind: z.enum(REPORT_KINDS),
  parameters: reportParameters,
  /** What the report says was so then. */
  moment: z.string(),
  drawnAt: z.string(),
  requestedBy: z.strictObject({ id: z.string(), name: z.string() }),
  /** Null while nothing is sealed. */
  seal: sealHead.nullable(),
  document: z.strictObject({
    format: z.enum(REPORT_FORMATS),
    bytes: z.int().min(0),
    /** Hexadecimal. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  }),
});
export type ReportManifest = z.infer<typeof reportManifest>;
