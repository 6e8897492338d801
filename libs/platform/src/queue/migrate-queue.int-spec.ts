import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { assertQueueMigrated, migrateQueue } from './migrate-queue.js';

let db: TestDatabase;

beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(() => db.database.pool.query('drop schema if exists bullmq cascade'));

const check = (): Promise<void> => assertQueueMigrated(db.database.pool);

describe('migrateQueue', () => {
  it('makes the tables that the queue needs, in a schema of their own', async () => {
    await migrateQueue(db.url);
    await expect(check()).resolves.toBeUndefined();
    const { rows } = await db.database.pool.query(
      `select 1 from pg_tables where schemaname = 'public' and tablename = 'job'`,
    );
    expect(rows).toEqual([]);
  });

  it('may be run by several processes at once, and again', async () => {
    await Promise.all([migrateQueue(db.url), migrateQueue(db.url), migrateQueue(db.url)]);
    await migrateQueue(db.url);
    await expect(check()).resolves.toBeUndefined();
  });

  it('leaves the tables of a newer Claviger alone', async () => {
    await migrateQueue(db.url);
    await db.database.pool.query(`insert into bullmq.migration values (999, 'future', 99)`);
    await expect(migrateQueue(db.url)).rejects.toMatchObject({ code: 'QUEUE_SCHEMA_NEWER' });
  });
});

describe('assertQueueMigrated', () => {
  it('refuses a database without the queue, and says what to do', async () => {
    await expect(check()).rejects.toMatchObject({
      code: 'QUEUE_SCHEMA_OLDER',
      message: expect.stringContaining('npm run migrate'),
    });
  });

  it('refuses an older queue', async () => {
    await migrateQueue(db.url);
    await db.database.pool.query(
      `delete from bullmq.migration where version = (select max(version) from bullmq.migration)`,
    );
    await expect(check()).rejects.toMatchObject({ code: 'QUEUE_SCHEMA_OLDER' });
  });

  it('refuses a queue of a newer Claviger', async () => {
    await migrateQueue(db.url);
    await db.database.pool.query(`insert into bullmq.migration values (999, 'future', 99)`);
    await expect(check()).rejects.toMatchObject({ code: 'QUEUE_SCHEMA_NEWER' });
  });
});
