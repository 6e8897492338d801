import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { systemClock } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import { createTestDatabase, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import { readAuditChain } from './audit-chain.js';
import { keysOfStore } from './audit-keys.js';
import { parseRecord, writeRecord, type AuditRecord } from './audit-record.js';
import type { AuditReport } from './audit-report.js';
import { verifyAudit } from './audit-verifier.js';
import { AUDIT_ENTITIES } from './audit.entities.js';
import { AuditService } from './audit.service.js';
import { Sealer } from './sealer.js';

/** A stored column, what it is changed to, and what the verifier then says first. */
type Tampering = readonly [column: string, value: string, code: string];

const BATCH: readonly Tampering[] = [
  ['day', `day + 1`, 'BATCH_CHANGED'],
  ['id', `'ffffffff-ffff-7fff-bfff-ffffffffffff'`, 'BATCH_CHANGED'],
  ['store_id', `gen_random_uuid()`, 'SEAL_BATCHES_MISSING'],
  ['epoch', `1`, 'SEAL_BATCHES_MISSING'],
  ['tx', `5`, 'SEAL_BATCHES_ADDED'],
  ['entries', `entries || ' '`, 'BATCH_CHANGED'],
  ['digest', `sha256('x')`, 'BATCH_CHANGED'],
  ['mac', `sha256('x')`, 'BATCH_MAC_WRONG'],
  ['mac_key_id', `'x'`, 'BATCH_CHANGED'],
];
/** What stands where in the text of an entry. */
const FIELDS = 'format day id store_id at actor_type actor_id actor_accessor actor_name actor_root_id action outcome \
resource_kind resource_id resource_name request_id remote_address details mac_key_id'.split(' ');
const SEAL: readonly Tampering[] = [
  ['store_id', `gen_random_uuid()`, 'SEAL_MISSING'],
  ['number', `9`, 'SEAL_MISSING'],
  ['epoch', `1`, 'SEAL_SIGNATURE_WRONG'],
  ['watermark_tx', `watermark_tx + 1`, 'SEAL_SIGNATURE_WRONG'],
  ['watermark_id', `gen_random_uuid()`, 'SEAL_SIGNATURE_WRONG'],
  ['batch_count', `batch_count + 1`, 'SEAL_SIGNATURE_WRONG'],
  ['merkle_root', `sha256('x')`, 'SEAL_SIGNATURE_WRONG'],
  ['previous_hash', `sha256('x')`, 'SEAL_SIGNATURE_WRONG'],
  ['sealed_at', `sealed_at + interval '1 ms'`, 'SEAL_SIGNATURE_WRONG'],
  ['key_id', `'x'`, 'SEAL_SIGNATURE_WRONG'],
  ['signature', `sha512('x')`, 'SEAL_SIGNATURE_WRONG'],
];

describe('the stored log', () => {
  let test: TestDatabase;
  let keyring: Keyring;
  let victim: string;

  beforeAll(async () => {
    test = await createTestDatabase(AUDIT_ENTITIES);
    keyring = await testKeyring(test.database);
    const ctx = testContext({ storeId: keyring.rootStoreId });
    const audit = new AuditService(test.database, keyring, systemClock);
    const sealer = new Sealer({ database: test.database, keyring, clock: systemClock });
    const write = (name: string): Promise<void> =>
      audit.commit(
        ctx,
        audit.entry(ctx, {
          action: 'secret.read',
          outcome: 'allowed',
          resource: { kind: 'secret', id: 'id', name },
          details: { version: 3, note: 'ü', none: null, flag: true, size: 1.5 },
        }),
      );
    for (let seal = 1; seal <= 3; seal += 1) {
      for (let i = 0; i < 4; i += 1) await write(`entry-${seal}-${i}`);
      await sealer.sealAll();
    }
    await write('tail');
    victim = await idOf('entry-2-1');
  });
  afterAll(() => test.drop());

  const idOf = async (name: string): Promise<string> => {
    const sql = 'select batch_id from audit_entry where resource_name = $1';
    return (await test.database.pool.query<{ batch_id: string }>(sql, [name])).rows[0]!.batch_id;
  };
  const records = async function* (): AsyncGenerator<AuditRecord> {
    const source = { database: test.database, keyring, clock: systemClock };
    for await (const record of readAuditChain(source, keyring.rootStoreId)) if (record) yield record;
  };
  const verify = (): Promise<AuditReport> =>
    verifyAudit({ records: records(), keys: keysOfStore(keyring, keyring.rootStoreId) });
  /** Verifies under a change that somebody with all rights on the database makes, and takes it back. */
  const verifyUnder = async (tables: readonly string[], change: string): Promise<AuditReport> => {
    const bypass = async (statements: string): Promise<void> => {
      await test.database.pool.query(`begin; set local session_replication_role = replica; ${statements}; commit`);
    };
    const columns = async (table: string): Promise<string> =>
      (
        await test.database.pool.query<{ list: string }>(
          `select string_agg(quote_ident(column_name), ', ') as list from information_schema.columns where table_name = $1`,
          [table],
        )
      ).rows[0]!.list;
    await bypass(tables.map((table) => `create table saved_${table} as table ${table}`).join(';') + `; ${change}`);
    try {
      return await verify();
    } finally {
      for (const table of tables) {
        const list = await columns(table);
        await bypass(
          `delete from ${table}; insert into ${table} (${list}) select ${list} from saved_${table}; drop table saved_${table}`,
        );
      }
    }
  };

  it('is intact, and read in order with its keys', async () => {
    expect(await verify()).toMatchObject({
      isIntact: true,
      sealedEntries: 12,
      seals: 3,
      tail: { count: 1 },
      areMacsChecked: true,
    });
    const kinds: string[] = [];
    for await (const record of records()) kinds.push(record.kind[0]!);
    expect(kinds.join('')).toBe('ekbbbbsbbbbsbbbbsb');
  });

  it('has a column for every tampering, so that none is forgotten', async () => {
    for (const [table, tamperings] of [
      ['audit_batch', BATCH],
      ['audit_seal', SEAL],
    ] as const) {
      const { rows } = await test.database.pool.query<{ name: string }>(
        `select column_name as name from information_schema.columns where table_name = $1 order by 1`,
        [table],
      );
      expect(tamperings.map(([column]) => column).sort()).toEqual(rows.map(({ name }) => name));
    }
  });

  it.each(BATCH)('shows where the %s of a batch was changed', async (column, value, code) => {
    const report = await verifyUnder(
      ['audit_batch'],
      `update audit_batch set ${column} = ${value} where id = '${victim}'`,
    );
    expect(report.broken).toMatchObject({ code, seal: code === 'SEAL_BATCHES_ADDED' ? 1 : 2 });
    if (code.startsWith('BATCH') && column !== 'id') expect(report.broken!.batch).toContain(victim);
  });

  it.each(FIELDS.map((field, position) => [field, position] as const))(
    'shows where the %s in the text of an entry was changed',
    async (_, position) => {
      const change = `update audit_batch set entries = replace(
          jsonb_set(entries::jsonb, '{${position}}', '"x"')::text, ', ', ',') where id = '${victim}'`;
      expect((await verifyUnder(['audit_batch'], change)).broken).toMatchObject({ code: 'BATCH_CHANGED', seal: 2 });
    },
  );

  it('shows a text that says the same in other letters', async () => {
    const change = `update audit_batch set entries = replace(entries, 'entry-2-1', 'entry-2-\\u0031') where id = '${victim}'`;
    expect((await verifyUnder(['audit_batch'], change)).broken).toMatchObject({ code: 'BATCH_CHANGED', seal: 2 });
  });

  it.each(SEAL)('shows where the %s of a seal was changed', async (column, value, code) => {
    const report = await verifyUnder(['audit_seal'], `update audit_seal set ${column} = ${value} where number = 2`);
    expect(report.broken).toMatchObject({ code, seal: 2 });
  });

  it('shows a removed batch, a removed seal, and both', async () => {
    const batch = `delete from audit_batch where id = '${victim}'`;
    expect((await verifyUnder(['audit_batch'], batch)).broken).toMatchObject({ code: 'SEAL_BATCHES_MISSING', seal: 2 });
    const seal = 'delete from audit_seal where number = 2';
    expect((await verifyUnder(['audit_seal'], seal)).broken).toMatchObject({ code: 'SEAL_MISSING', seal: 2 });
    const all = `${seal}; delete from audit_batch where entries like '%"entry-2-%'`;
    expect((await verifyUnder(['audit_batch', 'audit_seal'], all)).broken).toMatchObject({
      code: 'SEAL_MISSING',
      seal: 2,
    });
  });

  it('shows a batch that was copied in below the watermark', async () => {
    const copy = `create temp table copied on commit drop as select * from audit_batch where id = '${victim}';
      update copied set id = gen_random_uuid(); insert into audit_batch select * from copied`;
    expect((await verifyUnder(['audit_batch'], copy)).broken).toMatchObject({ seal: 2 });
  });

  it('shows batches that changed places, within a seal and across two', async () => {
    for (const other of ['entry-2-2', 'entry-3-0']) {
      const ids = `'${victim}', '${await idOf(other)}'`;
      const swap = `update audit_batch b set tx = o.tx from audit_batch o
        where b.id in (${ids}) and o.id in (${ids}) and b.id <> o.id`;
      expect((await verifyUnder(['audit_batch'], swap)).broken).toMatchObject({
        code: 'SEAL_BATCHES_CHANGED',
        seal: 2,
      });
    }
  });

  it('goes through an export unchanged', async () => {
    const lines: string[] = [];
    for await (const record of records()) lines.push(writeRecord(record));
    const again = async function* () {
      for (const line of lines) yield parseRecord(line);
    };
    expect(await verifyAudit({ records: again(), keys: keysOfStore(keyring, keyring.rootStoreId) })).toEqual(
      await verify(),
    );
  });

  it('gives its connection back when the reader stops in the middle', async () => {
    for (let i = 0; i < 20; i += 1) for await (const record of records()) if (record.kind === 'batch') break;
    expect(test.database.pool.waitingCount).toBe(0);
    expect((await verify()).isIntact).toBe(true);
  });
});
