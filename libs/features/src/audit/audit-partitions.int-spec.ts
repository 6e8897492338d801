import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, FakeClock, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import { AuditPartitions } from './audit-partitions.js';
import { AuditService } from './audit.service.js';

const DAY_MS = 86_400_000;

describe('AuditPartitions', () => {
  const clock = new FakeClock(new Date('2031-12-30T12:00:00Z'));
  let test: TestDatabase;
  let partitions: AuditPartitions;

  beforeEach(async () => {
    test = await createTestDatabase();
    partitions = new AuditPartitions(test.database, clock);
  });
  afterEach(() => test.drop());

  const insert = async (): Promise<string> => {
    const keyring = await testKeyring(test.database);
    const ctx = testContext({ storeId: keyring.rootStoreId });
    const audit = new AuditService(test.database, keyring, clock);
    const entry = audit.entry(ctx, { action: 'a.b', outcome: 'allowed', resource: { kind: 'x' } });
    await audit.commit(ctx, entry);
    return entry.id;
  };
  const write = async (): Promise<string> => {
    const sql = 'select tableoid::regclass::text as partition from audit_entry where id = $1';
    return (await test.database.pool.query<{ partition: string }>(sql, [await insert()])).rows[0]!.partition;
  };

  it('makes today and two days ahead, and nothing twice', async () => {
    expect(await partitions.makeAhead()).toBe(3);
    expect(await partitions.makeAhead()).toBe(0);
    await clock.advance(DAY_MS);
    expect(await partitions.makeAhead()).toBe(1);
    for (const expected of ['20311231', '20320101', '20320102']) {
      expect(await write()).toBe(`audit_entry_${expected}`);
      await clock.advance(DAY_MS);
    }
  });

  it('loses nothing where it did not run, and leaves such a day in the default partition', async () => {
    expect(await write()).toBe('audit_entry_default');
    expect(await partitions.makeAhead()).toBe(2);
    expect(await write()).toBe('audit_entry_default');
    await clock.advance(DAY_MS);
    expect(await write()).not.toBe('audit_entry_default');
  });

  it('may run in several processes at once', async () => {
    const made = await Promise.all([1, 2, 3].map(() => new AuditPartitions(test.database, clock).makeAhead()));
    expect(made.reduce((sum, count) => sum + count)).toBe(3);
  });

  it('does not make writers wait while it waits for a reader', async () => {
    await partitions.makeAhead();
    await clock.advance(DAY_MS);
    const reader = await test.database.pool.connect();
    await reader.query('begin; select * from audit_entry limit 1');
    let isMade = false;
    const making = partitions.makeAhead().finally(() => (isMade = true));
    making.catch(() => undefined);
    await insert();
    expect(isMade).toBe(false);
    await reader.query('commit');
    reader.release();
    expect(await making).toBe(1);
  });

  it('gives new partitions the key, the index and the protection of the others', async () => {
    await partitions.makeAhead();
    const partition = await write();
    const indexes = `select count(*)::integer as count from pg_index where indrelid = $1::regclass`;
    expect((await test.database.pool.query(indexes, [partition])).rows).toEqual([{ count: 2 }]);
    for (const change of [`update ${partition} set action = 'x'`, `delete from ${partition}`, `truncate ${partition}`])
      await expect(test.database.pool.query(change)).rejects.toThrow(/append-only/);
  });
});
