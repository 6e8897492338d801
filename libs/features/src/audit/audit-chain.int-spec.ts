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

const ENTRY: readonly Tampering[] = [
  ['day', `day + 1`, 'ENTRY_CHANGED'],
  ['id', `'ffffffff-ffff-7fff-bfff-ffffffffffff'`, 'ENTRY_CHANGED'],
  ['store_id', `gen_random_uuid()`, 'SEAL_ENTRIES_MISSING'],
  ['at', `at + interval '1 ms'`, 'ENTRY_CHANGED'],
  ['epoch', `1`, 'SEAL_ENTRIES_MISSING'],
  ['tx', `5`, 'SEAL_ENTRIES_ADDED'],
  ['actor_type', `'system'`, 'ENTRY_CHANGED'],
  ['actor_id', `'x'`, 'ENTRY_CHANGED'],
  ['actor_accessor', `null`, 'ENTRY_CHANGED'],
  ['actor_name', `'x'`, 'ENTRY_CHANGED'],
  ['actor_root_id', `'x'`, 'ENTRY_CHANGED'],
  ['action', `'x'`, 'ENTRY_CHANGED'],
  ['outcome', `'refused'`, 'ENTRY_CHANGED'],
  ['resource_kind', `'x'`, 'ENTRY_CHANGED'],
  ['resource_id', `'x'`, 'ENTRY_CHANGED'],
  ['resource_name', `'x'`, 'ENTRY_CHANGED'],
  ['request_id', `'x'`, 'ENTRY_CHANGED'],
  ['remote_address', `null`, 'ENTRY_CHANGED'],
  ['details', `details || '{"version": 9}'`, 'ENTRY_CHANGED'],
  ['digest', `sha256('x')`, 'ENTRY_CHANGED'],
  ['mac', `sha256('x')`, 'ENTRY_MAC_WRONG'],
  ['mac_key_id', `'x'`, 'ENTRY_CHANGED'],
];
const SEAL: readonly Tampering[] = [
  ['store_id', `gen_random_uuid()`, 'SEAL_MISSING'],
  ['number', `9`, 'SEAL_MISSING'],
  ['epoch', `1`, 'SEAL_SIGNATURE_WRONG'],
  ['watermark_tx', `watermark_tx + 1`, 'SEAL_SIGNATURE_WRONG'],
  ['watermark_id', `gen_random_uuid()`, 'SEAL_SIGNATURE_WRONG'],
  ['entry_count', `entry_count + 1`, 'SEAL_SIGNATURE_WRONG'],
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
    const { rows } = await test.database.pool.query<{ id: string }>(
      `select id from audit_entry where resource_name = 'entry-2-1'`,
    );
    victim = rows[0]!.id;
  });
  afterAll(() => test.drop());

  const records = (): AsyncGenerator<AuditRecord> =>
    readAuditChain({ database: test.database, keyring, clock: systemClock }, keyring.rootStoreId);
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
    expect(kinds.join('')).toBe('ekeeeeseeeeseeeese');
  });

  it('has a column for every tampering, so that none is forgotten', async () => {
    for (const [table, tamperings] of [
      ['audit_entry', ENTRY],
      ['audit_seal', SEAL],
    ] as const) {
      const { rows } = await test.database.pool.query<{ name: string }>(
        `select column_name as name from information_schema.columns where table_name = $1 order by 1`,
        [table],
      );
      expect(tamperings.map(([column]) => column).sort()).toEqual(rows.map(({ name }) => name));
    }
  });

  it.each(ENTRY)('shows where the %s of an entry was changed', async (column, value, code) => {
    const report = await verifyUnder(
      ['audit_entry'],
      `update audit_entry set ${column} = ${value} where id = '${victim}'`,
    );
    expect(report.broken).toMatchObject({ code, seal: code === 'SEAL_ENTRIES_ADDED' ? 1 : 2 });
    if (code.startsWith('ENTRY') && column !== 'id') expect(report.broken!.entry).toContain(victim);
  });

  it.each(SEAL)('shows where the %s of a seal was changed', async (column, value, code) => {
    const report = await verifyUnder(['audit_seal'], `update audit_seal set ${column} = ${value} where number = 2`);
    expect(report.broken).toMatchObject({ code, seal: 2 });
  });

  it('shows a removed entry, a removed seal, and both', async () => {
    const entry = `delete from audit_entry where id = '${victim}'`;
    expect((await verifyUnder(['audit_entry'], entry)).broken).toMatchObject({ code: 'SEAL_ENTRIES_MISSING', seal: 2 });
    const seal = 'delete from audit_seal where number = 2';
    expect((await verifyUnder(['audit_seal'], seal)).broken).toMatchObject({ code: 'SEAL_MISSING', seal: 2 });
    const all = `${seal}; delete from audit_entry where resource_name like 'entry-2-%'`;
    expect((await verifyUnder(['audit_entry', 'audit_seal'], all)).broken).toMatchObject({
      code: 'SEAL_MISSING',
      seal: 2,
    });
  });

  it('shows an entry that was copied in below the watermark', async () => {
    const copy = `create temp table copied on commit drop as select * from audit_entry where id = '${victim}';
      update copied set id = gen_random_uuid(); insert into audit_entry select * from copied`;
    expect((await verifyUnder(['audit_entry'], copy)).broken).toMatchObject({ seal: 2 });
  });

  it('shows entries that changed places, within a seal and across two', async () => {
    for (const other of ['entry-2-2', 'entry-3-0']) {
      const swap = `update audit_entry e set tx = o.tx from audit_entry o
        where e.resource_name in ('entry-2-1', '${other}') and o.resource_name in ('entry-2-1', '${other}') and e.id <> o.id`;
      expect((await verifyUnder(['audit_entry'], swap)).broken).toMatchObject({
        code: 'SEAL_ENTRIES_CHANGED',
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
    for (let i = 0; i < 20; i += 1) for await (const record of records()) if (record.kind === 'entry') break;
    expect(test.database.pool.waitingCount).toBe(0);
    expect((await verify()).isIntact).toBe(true);
  });
});
