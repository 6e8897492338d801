import type { Clock } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import type { Database } from '@claviger/platform/database';
import type { PoolClient } from 'pg';
import { parseEntries } from './audit-batch.js';
import { keysOfStore, type AuditKeys } from './audit-keys.js';
import { EXPORT_FORMAT, type AuditRecord, type ChainBatch } from './audit-record.js';
import { BEFORE_ALL, EPOCHS } from './audit-seal.hot.js';
import type { AuditSeal } from './audit-seal.js';
import { AuditSealRepository } from './audit-seal.repository.js';

const SEALS_PER_PAGE = 1_000;
/** A batch may be long. */
const BATCHES_PER_PAGE = 200;

export type AuditChainSource = { readonly database: Database; readonly keyring: Keyring; readonly clock: Clock };

/** Reads a store's whole log as of one moment, a page at a time. What it finds is passed on, not judged. */
export async function* readAuditChain(
  { database, keyring, clock }: AuditChainSource,
  storeId: string,
): AsyncGenerator<AuditRecord> {
  const runner = database.dataSource.createQueryRunner();
  try {
    const client = (await runner.connect()) as PoolClient;
    await runner.startTransaction('REPEATABLE READ');
    yield { kind: 'export', format: EXPORT_FORMAT, storeId, exportedAt: clock.now().toISOString() };
    yield* readRecords(
      { client, seals: new AuditSealRepository(runner.manager), keys: keysOfStore(keyring, storeId) },
      storeId,
    );
  } finally {
    // Nothing was changed. A connection that is lost needs no rollback.
    await runner.rollbackTransaction().catch(() => undefined);
    await runner.release();
  }
}

type Reading = { readonly client: PoolClient; readonly seals: AuditSealRepository; readonly keys: AuditKeys };

async function* readRecords({ client, seals, keys }: Reading, storeId: string): AsyncGenerator<AuditRecord> {
  const batches = new Map<string, BatchStream>();
  const ofEpoch = (epoch: string): BatchStream => {
    const known = batches.get(epoch) ?? new BatchStream(client, storeId, epoch);
    batches.set(epoch, known);
    return known;
  };
  const keyIds = new Set<string>();
  for await (const seal of everySeal(seals, storeId)) {
    if (!keyIds.has(seal.keyId)) {
      keyIds.add(seal.keyId);
      const publicKey = keys.publicKey(seal.keyId);
      if (publicKey) yield { kind: 'key', keyId: seal.keyId, publicKey };
    }
    yield* ofEpoch(seal.epoch).until(BigInt(seal.watermarkTx), seal.watermarkId);
    yield { kind: 'seal', ...seal };
  }
  const { rows } = await client.query<{ epoch: string }>({ ...EPOCHS, values: [storeId] });
  for (const { epoch } of rows) yield* ofEpoch(epoch).rest();
}

async function* everySeal(seals: AuditSealRepository, storeId: string): AsyncGenerator<AuditSeal> {
  for (let after = 0; ;) {
    const page = await seals.list(storeId, { after, limit: SEALS_PER_PAGE });
    yield* page;
    if (page.length < SEALS_PER_PAGE) return;
    after = page.at(-1)!.number;
  }
}

const BATCHES_AFTER = {
  name: 'audit_batches_after',
  text: `select epoch, tx, day::text as day, id, store_id, entries, digest, mac, mac_key_id from audit_batch
    where store_id = $1 and epoch = $2 and (tx, id) > ($3::bigint, $4::uuid) order by tx, id limit $5`,
};

/** The batches of one epoch in (tx, id) order, taken a stretch at a time. */
class BatchStream {
  readonly #rows: AsyncIterator<BatchRow, undefined>;
  #next: Promise<IteratorResult<BatchRow, undefined>> | undefined;

  constructor(client: PoolClient, storeId: string, epoch: string) {
    this.#rows = pages(client, storeId, epoch);
  }

  /** Up to and with this position. */
  async *until(tx: bigint, id: string): AsyncGenerator<AuditRecord> {
    for (;;) {
      this.#next ??= this.#rows.next();
      const next = await this.#next;
      if (next.done) return;
      const row = next.value;
      if (BigInt(row.tx) > tx || (BigInt(row.tx) === tx && row.id > id)) return;
      this.#next = undefined;
      yield { kind: 'batch', ...batchFromRow(row) };
    }
  }

  rest(): AsyncGenerator<AuditRecord> {
    return this.until(2n ** 63n, '');
  }
}

async function* pages(client: PoolClient, storeId: string, epoch: string): AsyncGenerator<BatchRow, undefined> {
  let after: { tx: string; id: string } = BEFORE_ALL;
  for (;;) {
    const values = [storeId, epoch, after.tx, after.id, BATCHES_PER_PAGE];
    const { rows } = await client.query<BatchRow>({ ...BATCHES_AFTER, values });
    yield* rows;
    if (rows.length < BATCHES_PER_PAGE) return undefined;
    after = rows.at(-1)!;
  }
}

type BatchRow = {
  readonly epoch: string;
  readonly tx: string;
  readonly day: string;
  readonly id: string;
  readonly store_id: string;
  readonly entries: string;
  readonly digest: Buffer;
  readonly mac: Buffer;
  readonly mac_key_id: string;
};

function batchFromRow(row: BatchRow): ChainBatch {
  return {
    epoch: row.epoch,
    tx: row.tx,
    day: row.day,
    id: row.id,
    storeId: row.store_id,
    entries: parseEntries(row.entries),
    digest: row.digest.toString('hex'),
    mac: row.mac.toString('hex'),
    macKeyId: row.mac_key_id,
  };
}
