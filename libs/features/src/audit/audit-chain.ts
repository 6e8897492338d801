import type { Clock } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import type { Database } from '@claviger/platform/database';
import type { PoolClient } from 'pg';
import { cutAfter, type Cut } from './audit-cut.js';
import type { AuditExport } from './audit-export.js';
import { AuditExportRepository } from './audit-export.repository.js';
import { keysOfStore, type AuditKeys } from './audit-keys.js';
import { EXPORT_FORMAT, type AuditRecord, type ChainBatch } from './audit-record.js';
import { EPOCHS } from './audit-seal.hot.js';
import type { AuditSeal } from './audit-seal.js';
import { AuditSealRepository } from './audit-seal.repository.js';
import { BatchStream, type Queryable } from './batch-stream.js';

const SEALS_PER_PAGE = 1_000;

/** The file of an export: SHA-256 in hexadecimal, and what stands in it. */
export type FiledExport = { readonly sha256: string; readonly records: AsyncIterable<AuditRecord | undefined> };

/** The file of an export, or undefined when it is not at hand. */
export type ExportFiles = (exported: AuditExport) => Promise<FiledExport | undefined>;

export type AuditChainSource = {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly clock: Clock;
  /** Without them, days that were exported and dropped are a gap. */
  readonly files?: ExportFiles;
};

/** Reads a store's whole log as of one moment, a page at a time. What it finds is passed on, not judged. */
export async function* readAuditChain(
  { database, keyring, clock, files }: AuditChainSource,
  storeId: string,
): AsyncGenerator<AuditRecord | undefined> {
  const runner = database.dataSource.createQueryRunner();
  try {
    const client = (await runner.connect()) as PoolClient;
    await runner.startTransaction('REPEATABLE READ');
    // Before the moment is taken, so that no day is dropped between that and the first look at it.
    await client.query('lock table only audit_batch in access share mode');
    yield { kind: 'export', format: EXPORT_FORMAT, storeId, exportedAt: clock.now().toISOString() };
    const reading = {
      client,
      storeId,
      files,
      seals: new AuditSealRepository(runner.manager),
      exports: new AuditExportRepository(runner.manager),
      keys: keysOfStore(keyring, storeId),
    };
    yield* readRecords(reading);
  } finally {
    // Nothing was changed. A connection that is lost needs no rollback.
    await runner.rollbackTransaction().catch(() => undefined);
    await runner.release();
  }
}

type Reading = {
  readonly client: PoolClient;
  readonly storeId: string;
  readonly files: ExportFiles | undefined;
  readonly seals: AuditSealRepository;
  readonly exports: AuditExportRepository;
  readonly keys: AuditKeys;
};

async function* readRecords(reading: Reading): AsyncGenerator<AuditRecord | undefined> {
  const { client, storeId, seals, exports, keys } = reading;
  const everySeal = withKeys(sealsAfter(seals, storeId, 0), keys);
  const dropped = await exports.listDropped(storeId);
  for (const exported of dropped) yield* readDropped(reading, exported, everySeal);
  const cut = await cutAfter(client, storeId, dropped.at(-1)?.lastSeal ?? 0);
  if (dropped.length > 0) yield* keptBatches(client, storeId, cut);
  yield* readSealed({ client, storeId, cut }, everySeal);
}

type SealOrKey = Extract<AuditRecord, { kind: 'seal' | 'key' }>;

/** The seals of an export, after the statement about it; from its file, if that is at hand, the batches under each. */
async function* readDropped(
  { files, keys }: Reading,
  exported: AuditExport,
  everySeal: AsyncGenerator<SealOrKey, undefined>,
): AsyncGenerator<AuditRecord | undefined> {
  const file = await files?.(exported);
  const publicKey = keys.publicKey(exported.keyId);
  if (publicKey) yield { kind: 'key', keyId: exported.keyId, publicKey };
  yield { kind: 'dropped', ...exported, foundSha256: file?.sha256 ?? null };
  const filed = file?.records[Symbol.asyncIterator]();
  try {
    for (let last = exported.firstSeal - 1; last < exported.lastSeal;) {
      const next = await everySeal.next();
      if (next.done) return;
      if (next.value.kind === 'seal') {
        if (filed) yield* batchesToSeal(filed);
        last = next.value.number;
      }
      yield next.value;
    }
    // Whatever else the file holds is too much.
    for (let next = await filed?.next(); next && !next.done; next = await filed?.next()) yield next.value;
  } finally {
    await filed?.return?.();
  }
}

/** The database's own seals count: they lead on to those that follow. */
async function* batchesToSeal(filed: AsyncIterator<AuditRecord | undefined>): AsyncGenerator<AuditRecord | undefined> {
  for (let next = await filed.next(); !next.done && next.value?.kind !== 'seal'; next = await filed.next())
    if (next.value?.kind === 'batch' || next.value === undefined) yield next.value;
}

/** Batches of days that are in the database, under seals of which an export holds the batches. */
async function* keptBatches(client: PoolClient, storeId: string, cut: Cut): AsyncGenerator<AuditRecord> {
  for (const [epoch, place] of cut)
    for await (const batch of new BatchStream(client, storeId, epoch).until(BigInt(place.tx), place.id))
      yield { kind: 'kept', ...batch };
}

type Sealed = { readonly client: Queryable; readonly storeId: string; readonly cut: Cut };

/** The seals with their batches, beginning after the cut, and then, if wanted, what is not sealed. */
export async function* readSealed(
  { client, storeId, cut }: Sealed,
  seals: AsyncIterable<SealOrKey>,
  withTail = true,
): AsyncGenerator<AuditRecord> {
  const streams = new Map<string, BatchStream>();
  const ofEpoch = (epoch: string): BatchStream => {
    const known = streams.get(epoch) ?? new BatchStream(client, storeId, epoch, cut.get(epoch));
    streams.set(epoch, known);
    return known;
  };
  for await (const record of seals) {
    if (record.kind === 'seal')
      yield* asRecords(ofEpoch(record.epoch).until(BigInt(record.watermarkTx), record.watermarkId));
    yield record;
  }
  if (!withTail) return;
  const { rows } = await client.query<{ epoch: string }>({ ...EPOCHS, values: [storeId] });
  for (const { epoch } of rows) yield* asRecords(ofEpoch(epoch).rest());
}

async function* asRecords(batches: AsyncIterable<ChainBatch>): AsyncGenerator<AuditRecord> {
  for await (const batch of batches) yield { kind: 'batch', ...batch };
}

/** The seals with greater numbers, in order. */
export async function* sealsAfter(
  seals: AuditSealRepository,
  storeId: string,
  number: number,
  last = Infinity,
): AsyncGenerator<AuditSeal, undefined> {
  for (let after = number; after < last;) {
    const page = await seals.list(storeId, { after, limit: Math.min(SEALS_PER_PAGE, last - after) });
    yield* page;
    if (page.length < SEALS_PER_PAGE) return undefined;
    after = page.at(-1)!.number;
  }
  return undefined;
}

/** Each key before the first seal that is signed with it. */
export async function* withKeys(
  seals: AsyncIterable<AuditSeal>,
  keys: AuditKeys,
): AsyncGenerator<SealOrKey, undefined> {
  const told = new Set<string>();
  for await (const seal of seals) {
    const publicKey = told.has(seal.keyId) ? undefined : keys.publicKey(seal.keyId);
    told.add(seal.keyId);
    if (publicKey) yield { kind: 'key', keyId: seal.keyId, publicKey };
    yield { kind: 'seal', ...seal };
  }
  return undefined;
}
