import { z } from 'zod';
import type { AuditBatch } from './audit-batch.js';
import type { AuditEntryFields } from './audit-entry.js';
import { AUDIT_OUTCOMES } from './audit-event.js';
import type { AuditExport } from './audit-export.js';
import type { AuditSeal } from './audit-seal.js';

/**
 * A batch with its entries spelt out, and with its place in the order of transactions: both are decimal digits of 64-bit
 * numbers. A text that Claviger did not write has no entries.
 */
export type ChainBatch = Omit<AuditBatch, 'entries'> & {
  readonly epoch: string;
  readonly tx: string;
  readonly entries: readonly AuditEntryFields[];
};

/** Which stretch of a log a file holds that was written before days were dropped: whole seals with all their batches. */
export type AuditPart = {
  readonly throughDay: string;
  readonly firstSeal: number;
  readonly lastSeal: number;
  /** What the first seal names as the hash of the one before. */
  readonly previousHash: string;
};

/**
 * A store's log as a stream: the keys, then each seal after the batches that it covers, then what is not sealed yet. Where days
 * were dropped, the statement about it stands before the seals, whose batches follow only if the file was found.
 */
export type AuditRecord =
  | {
      readonly kind: 'export';
      readonly format: (typeof EXPORT_FORMATS)[number];
      readonly storeId: string;
      readonly exportedAt: string;
      /** Absent in the export of a whole log. */
      readonly part?: AuditPart | undefined;
    }
  /** A public key that seals can be checked with, 32 bytes in base64. Only as true as the file that it stands in. */
  | { readonly kind: 'key'; readonly keyId: string; readonly publicKey: string }
  | ({ readonly kind: 'batch' } & ChainBatch)
  /** Follows the last `dropped`: a batch whose day was not dropped, under one of the seals before. */
  | ({ readonly kind: 'kept' } & ChainBatch)
  /** `foundSha256`: of the file, hexadecimal; null when it was not at hand. */
  | ({ readonly kind: 'dropped'; readonly foundSha256: string | null } & AuditExport)
  | ({ readonly kind: 'seal' } & AuditSeal);

/** What is written. */
export const EXPORT_FORMAT = 'claviger-audit-export/3';
/** What is read: the one before knew no parts and nothing dropped. */
const EXPORT_FORMATS = ['claviger-audit-export/2', EXPORT_FORMAT] as const;

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const uuid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
const int64 = z
  .string()
  .regex(/^\d{1,19}$/)
  .refine((digits) => BigInt(digits) < 2n ** 63n);
const instant = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

const entrySchema: z.ZodType<AuditEntryFields> = z.strictObject({
  day: z.string(),
  id: uuid,
  storeId: uuid,
  at: instant,
  actorType: z.string(),
  actorId: z.string(),
  actorAccessor: z.string().nullable(),
  actorName: z.string(),
  actorRootId: z.string(),
  action: z.string(),
  outcome: z.enum(AUDIT_OUTCOMES),
  resourceKind: z.string(),
  resourceId: z.string().nullable(),
  resourceName: z.string().nullable(),
  requestId: z.string(),
  remoteAddress: z.string().nullable(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  macKeyId: z.string(),
});

const day = z.string().regex(/^\d{4}-\d\d-\d\d$/);

const partSchema: z.ZodType<AuditPart> = z.strictObject({
  throughDay: day,
  firstSeal: z.int().positive(),
  lastSeal: z.int().positive(),
  previousHash: hex(32),
});

const batchFields = {
  epoch: int64,
  tx: int64,
  day: z.string(),
  id: uuid,
  storeId: uuid,
  digest: hex(32),
  mac: hex(32),
  macKeyId: z.string(),
  entries: z.array(entrySchema),
};

const recordSchema: z.ZodType<AuditRecord> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('export'),
    format: z.enum(EXPORT_FORMATS),
    storeId: uuid,
    exportedAt: instant,
    part: partSchema.optional(),
  }),
  z.strictObject({ kind: z.literal('key'), keyId: z.string(), publicKey: z.string() }),
  z.strictObject({ kind: z.literal('batch'), ...batchFields }),
  z.strictObject({ kind: z.literal('kept'), ...batchFields }),
  z.strictObject({
    kind: z.literal('dropped'),
    storeId: uuid,
    number: z.int().positive(),
    throughDay: day,
    firstSeal: z.int().positive(),
    lastSeal: z.int().positive(),
    lastSealHash: hex(32),
    file: z.string(),
    sha256: hex(32),
    entries: z.int().nonnegative(),
    keptCount: z.int().nonnegative(),
    keptRoot: hex(32),
    exportedAt: instant,
    keyId: z.string(),
    signature: hex(64),
    foundSha256: hex(32).nullable(),
  }),
  z.strictObject({
    kind: z.literal('seal'),
    storeId: uuid,
    number: z.int().positive(),
    epoch: int64,
    watermarkTx: int64,
    watermarkId: uuid,
    batchCount: z.int().positive(),
    merkleRoot: hex(32),
    previousHash: hex(32),
    sealedAt: instant,
    keyId: z.string(),
    signature: hex(64),
  }),
]);

/** A record as one line of an export, without the line end. */
export function writeRecord(record: AuditRecord): string {
  return JSON.stringify(record);
}

/** The record of a line, or undefined when the line is not a record in every detail. */
export function parseRecord(line: string): AuditRecord | undefined {
  try {
    return recordSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
