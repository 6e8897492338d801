import { migrateQueue } from '@claviger/platform/queue';
import { createTestDatabase } from '@claviger/testing';
import { describe } from '@jest/globals';
import { Client } from 'pg';
import { describeQueue } from './queue-cases.js';
import type { QueuePlace } from './queue-scene.js';

const openPostgres = async (): Promise<QueuePlace> => {
  const db = await createTestDatabase();
  await migrateQueue(db.url);
  const { pool } = db.database;
  const name = new URL(db.url).pathname.slice(1);
  const admin = new Client({ connectionString: process.env['CLAVIGER_TEST_DATABASE_URL'] });
  await admin.connect();
  const { rows } = await pool.query(
    `select table_name as name from information_schema.tables where table_schema = 'bullmq' and table_name <> 'migration'`,
  );
  const tables = (rows as { name: string }[]).map(({ name }) => `bullmq.${name}`);
  const others = `datname = current_database() and application_name <> 'claviger-test' and pid <> pg_backend_pid()`;
  return {
    options: { databaseUrl: db.url, clientName: 'claviger-test-queue' },
    dump: async () => {
      const texts = await Promise.all(tables.map((table) => pool.query(`select t::text from ${table} t`)));
      return JSON.stringify(texts.map((text) => text.rows));
    },
    // One by one: all at once can deadlock with a worker, which takes their locks in another order.
    empty: async () => {
      for (const table of tables) await pool.query(`truncate ${table} cascade`);
    },
    disconnect: async () =>
      void (await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`)),
    takeAway: async () => {
      await admin.query(`alter database ${name} allow_connections false`);
      await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`);
      return async () => void (await admin.query(`alter database ${name} allow_connections true`));
    },
    countConnections: async () =>
      Number((await pool.query(`select count(*) from pg_stat_activity where ${others}`)).rows[0].count),
    stop: async () => {
      await admin.end();
      await db.drop();
    },
  };
};

describe('the queue in PostgreSQL', () => {
  describeQueue(openPostgres);
});
