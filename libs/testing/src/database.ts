import { newId } from '@claviger/kernel';
import { createDataSource, Database, type DatabaseOptions } from '@claviger/platform/database';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';

/** A migrated, empty database of a test file's own. */
export type TestDatabase = {
  /** Connection URL, for what opens connections itself. */
  readonly url: string;
  readonly dataSource: DataSource;
  readonly database: Database;
  /** Closes the connections and drops the database. */
  drop(): Promise<void>;
};

/**
 * Clones the run's migrated template into a new database and connects to it.
 *
 * @param entities TypeORM entities of the rooms under test
 */
export async function createTestDatabase(entities: DatabaseOptions['entities'] = []): Promise<TestDatabase> {
  const name = `claviger_test_${newId().replaceAll('-', '')}`;
  await administer(`create database ${name} template ${setting('CLAVIGER_TEST_TEMPLATE')}`);
  const url = new URL(setting('CLAVIGER_TEST_DATABASE_URL'));
  url.pathname = `/${name}`;
  const dataSource = createDataSource({ url: url.href, poolSize: 12, entities, applicationName: 'claviger-test' });
  await dataSource.initialize();
  const database = new Database(dataSource);
  // A connection that a failed test still holds when its database is dropped must not end the process.
  database.pool.on('connect', (client) => client.on('error', () => undefined));
  return {
    url: url.href,
    dataSource,
    database,
    drop: async () => {
      if (dataSource.isInitialized) await dataSource.destroy();
      await administer(`drop database if exists ${name} with (force)`);
    },
  };
}

async function administer(statement: string): Promise<void> {
  const client = new Client({ connectionString: setting('CLAVIGER_TEST_DATABASE_URL') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function setting(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(`${name} is not set: run this suite in a Jest project that has database.setup as globalSetup.`);
  return value;
}
