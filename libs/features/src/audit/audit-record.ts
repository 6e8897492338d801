import { z } from 'zod';
import type { AuditBatch } from './audit-batch.js';
import type { AuditEntryFields } from './audit-entry.js';
import { AUDIT_OUTCOMES } from './audit-event.js';
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

/** A store's log as a stream: the keys, then each seal after the batches that it covers, then what is not sealed yet. */
export type AuditRecord =
  | {
      readonly kind: 'export';
      readonly format: typeof EXPORT_FORMAT;
      readonly storeId: string;
      readonly exportedAt: string;
    }
  /** A public key that seals can be checked with, 32 bytes in base64. Only as true as the file that it stands in. */
  | { readonly kind: 'key'; readonly keyId: string; readonly publicKey: string }
  | ({ readonly kind: 'batch' } & ChainBatch)
  | ({ readonly kind: 'seal' } & AuditSeal);

export const EXPORT_FORMAT = 'claviger-audit-export/2';

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

const recordSchema: z.ZodType<AuditRecord> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('export'), format: z.literal(EXPORT_FORMAT), storeId: uuid, exportedAt: instant }),
  z.strictObject({ kind: z.literal('key'), keyId: z.string(), publicKey: z.string() }),
  z.strictObject({
    kind: z.literal('batch'),
    epoch: int64,
    tx: int64,
    day: z.string(),
    id: uuid,
    storeId: uuid,
    digest: hex(32),
    mac: hex(32),
    macKeyId: z.string(),
    entries: z.array(entrySchema),
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
