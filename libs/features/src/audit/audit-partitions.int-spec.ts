import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RequestContext } from '@claviger/kernel';
import { createTestDatabase, FakeClock, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import type { AuditEntry } from './audit-entry.js';
import { AuditPartitions } from './audit-partitions.js';
import { AuditService } from './audit.service.js';

const DAY_MS = 86_400_000;

describe('AuditPartitions', () => {
  const clock = new FakeClock(new Date('2031-12-30T12:00:00Z'));
  let test: TestDatabase;
  let partitions: AuditPartitions;
  let audit: AuditService;
  let ctx: RequestContext;

  beforeEach(async () => {
    test = await createTestDatabase();
    partitions = new AuditPartitions(test.database, clock);
    const keyring = await testKeyring(test.database);
    audit = new AuditService(test.database, keyring, clock);
    ctx = testContext({ storeId: keyring.rootStoreId });
  });
  afterEach(() => test.drop());

  const newEntry = (): AuditEntry => audit.entry(ctx, { action: 'a.b', outcome: 'allowed', resource: { kind: 'x' } });
  const write = async (): Promise<string> => {
    const entry = newEntry();
    await audit.commit(ctx, entry);
    const sql = 'select tableoid::regclass::text as partition from audit_batch where id = $1';
    return (await test.database.pool.query<{ partition: string }>(sql, [entry.id])).rows[0]!.partition;
  };

  it('makes today and two days ahead, and nothing twice', async () => {
    expect(await partitions.makeAhead()).toBe(3);
    expect(await partitions.makeAhead()).toBe(0);
    await clock.advance(DAY_MS);
    expect(await partitions.makeAhead()).toBe(1);
    for (const expected of ['20311231', '20320101', '20320102']) {
      expect(await write()).toBe(`audit_batch_${expected}`);
      await clock.advance(DAY_MS);
    }
  });

  it('loses nothing where it did not run, and leaves such a day in the default partition', async () => {
    expect(await write()).toBe('audit_batch_default');
    expect(await partitions.makeAhead()).toBe(2);
    expect(await write()).toBe('audit_batch_default');
    await clock.advance(DAY_MS);
    expect(await write()).not.toBe('audit_batch_default');
  });

  it('may run in several processes at once', async () => {
    const made = await Promise.all([1, 2, 3].map(() => new AuditPartitions(test.database, clock).makeAhead()));
    expect(made.reduce((sum, count) => sum + count)).toBe(3);
  });

  it('does not make writers wait while it waits for a reader', async () => {
    await partitions.makeAhead();
    await clock.advance(DAY_MS);
    const reader = await test.database.pool.connect();
    await reader.query('begin; select * from audit_batch limit 1');
    const making = partitions.makeAhead();
    making.catch(() => undefined);
    const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    for (const until = Date.now() + 10_000; Date.now() < until;)
      if ((await test.database.pool.query(waiting)).rows.length > 0) break;
    await test.database.transaction(ctx, async (tx) => {
      await test.database.manager(tx).query(`set local lock_timeout = '1ms'`);
      await audit.record(tx, newEntry());
    });
    await reader.query('commit');
    reader.release();
    // Under load it may have given up meanwhile; then the next run makes it.
    expect(await making.catch(() => partitions.makeAhead())).toBe(1);
  });

  it('keeps PostgreSQL from cleaning up again and again where nothing is ever deleted', async () => {
    await partitions.makeAhead();
    const { rows } = await test.database.pool.query<{ reloptions: string[] | null }>(
      `select c.reloptions from pg_inherits i join pg_class c on c.oid = i.inhrelid
       where i.inhparent = 'audit_batch'::regclass`,
    );
    expect(rows.length).toBeGreaterThan(3);
    for (const { reloptions } of rows) expect(reloptions).toContain('autovacuum_vacuum_insert_threshold=-1');
  });

  it('gives new partitions the key, the index and the protection of the others', async () => {
    await partitions.makeAhead();
    const partition = await write();
    const indexes = `select count(*)::integer as count from pg_index where indrelid = $1::regclass`;
    expect((await test.database.pool.query(indexes, [partition])).rows).toEqual([{ count: 2 }]);
    for (const change of [`update ${partition} set entries = 'x'`, `delete from ${partition}`, `truncate ${partition}`])
      await expect(test.database.pool.query(change)).rejects.toThrow(/append-only/);
  });
});
