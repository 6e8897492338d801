import type { Clock } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import type { Database } from '@claviger/platform/database';
import type { PoolClient } from 'pg';
import type { AuditDetails, AuditOutcome } from './audit-event.js';
import { keysOfStore, type AuditKeys } from './audit-keys.js';
import { EXPORT_FORMAT, type AuditRecord, type ChainEntry } from './audit-record.js';
import { BEFORE_ALL, EPOCHS } from './audit-seal.hot.js';
import type { AuditSeal } from './audit-seal.js';
import { AuditSealRepository } from './audit-seal.repository.js';

const PAGE = 1_000;

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
  const entries = new Map<string, EntryStream>();
  const ofEpoch = (epoch: string): EntryStream => {
    const known = entries.get(epoch) ?? new EntryStream(client, storeId, epoch);
    entries.set(epoch, known);
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
    const page = await seals.list(storeId, { after, limit: PAGE });
    yield* page;
    if (page.length < PAGE) return;
    after = page.at(-1)!.number;
  }
}

const COLUMNS = `epoch, tx, day::text as day, id, store_id, at, actor_type, actor_id, actor_accessor, actor_name, actor_root_id,
  action, outcome, resource_kind, resource_id, resource_name, request_id, remote_address, details, digest, mac, mac_key_id`;

const ENTRIES_AFTER = {
  name: 'audit_entries_after',
  text: `select ${COLUMNS} from audit_entry
    where store_id = $1 and epoch = $2 and (tx, id) > ($3::bigint, $4::uuid) order by tx, id limit $5`,
};

/** The entries of one epoch in (tx, id) order, taken a stretch at a time. */
class EntryStream {
  readonly #rows: AsyncIterator<EntryRow, undefined>;
  #next: Promise<IteratorResult<EntryRow, undefined>> | undefined;

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
      yield { kind: 'entry', ...entryFromRow(row) };
    }
  }

  rest(): AsyncGenerator<AuditRecord> {
    return this.until(2n ** 63n, '');
  }
}

async function* pages(client: PoolClient, storeId: string, epoch: string): AsyncGenerator<EntryRow, undefined> {
  let after: { tx: string; id: string } = BEFORE_ALL;
  for (;;) {
    const values = [storeId, epoch, after.tx, after.id, PAGE];
    const { rows } = await client.query<EntryRow>({ ...ENTRIES_AFTER, values });
    yield* rows;
    if (rows.length < PAGE) return undefined;
    after = rows.at(-1)!;
  }
}

type EntryRow = {
  readonly epoch: string;
  readonly tx: string;
  readonly day: string;
  readonly id: string;
  readonly store_id: string;
  readonly at: Date;
  readonly actor_type: string;
  readonly actor_id: string;
  readonly actor_accessor: string | null;
  readonly actor_name: string;
  readonly actor_root_id: string;
  readonly action: string;
  readonly outcome: AuditOutcome;
  readonly resource_kind: string;
  readonly resource_id: string | null;
  readonly resource_name: string | null;
  readonly request_id: string;
  readonly remote_address: string | null;
  readonly details: AuditDetails;
  readonly digest: Buffer;
  readonly mac: Buffer;
  readonly mac_key_id: string;
};

function entryFromRow(row: EntryRow): ChainEntry {
  return {
    epoch: row.epoch,
    tx: row.tx,
    day: row.day,
    id: row.id,
    storeId: row.store_id,
    at: row.at.toISOString(),
    actorType: row.actor_type,
    actorId: row.actor_id,
    actorAccessor: row.actor_accessor,
    actorName: row.actor_name,
    actorRootId: row.actor_root_id,
    action: row.action,
    outcome: row.outcome,
    resourceKind: row.resource_kind,
    resourceId: row.resource_id,
    resourceName: row.resource_name,
    requestId: row.request_id,
    remoteAddress: row.remote_address,
    details: row.details,
    digest: row.digest.toString('hex'),
    mac: row.mac.toString('hex'),
    macKeyId: row.mac_key_id,
  };
}
