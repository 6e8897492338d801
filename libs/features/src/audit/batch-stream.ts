import type { PoolClient } from 'pg';
import { parseEntries } from './audit-batch.js';
import type { ChainBatch } from './audit-record.js';
import { BEFORE_ALL } from './audit-seal.hot.js';

/** A batch may be long. */
const BATCHES_PER_PAGE = 200;

/** A connection, or the pool where what is read does not change. */
export type Queryable = Pick<PoolClient, 'query'>;

/** A place in the order of an epoch. */
export type BatchPlace = { readonly tx: string; readonly id: string };

const BATCHES_AFTER = {
  name: 'audit_batches_after',
  text: `select epoch, tx, day::text as day, id, store_id, entries, digest, mac, mac_key_id from audit_batch
    where store_id = $1 and epoch = $2 and (tx, id) > ($3::bigint, $4::uuid) order by tx, id limit $5`,
};

/** The batches of one epoch in (tx, id) order, taken a stretch at a time. */
export class BatchStream {
  readonly #rows: AsyncIterator<BatchRow, undefined>;
  #next: Promise<IteratorResult<BatchRow, undefined>> | undefined;

  /** @param after where to begin */
  constructor(client: Queryable, storeId: string, epoch: string, after: BatchPlace = BEFORE_ALL) {
    this.#rows = pages({ client, storeId, epoch, after });
  }

  /** Up to and with this position. */
  async *until(tx: bigint, id: string): AsyncGenerator<ChainBatch> {
    for (;;) {
      this.#next ??= this.#rows.next();
      const next = await this.#next;
      if (next.done) return;
      const row = next.value;
      if (BigInt(row.tx) > tx || (BigInt(row.tx) === tx && row.id > id)) return;
      this.#next = undefined;
      yield batchFromRow(row);
    }
  }

  rest(): AsyncGenerator<ChainBatch> {
    return this.until(2n ** 63n, '');
  }
}

type Stretch = {
  readonly client: Queryable;
  readonly storeId: string;
  readonly epoch: string;
  readonly after: BatchPlace;
};

async function* pages({ client, storeId, epoch, after: first }: Stretch): AsyncGenerator<BatchRow, undefined> {
  let after = first;
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
