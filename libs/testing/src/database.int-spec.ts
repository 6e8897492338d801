import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from './database.js';
import { testContext, testKeyring } from './context.js';

describe('createTestDatabase', () => {
  let first: TestDatabase;
  let second: TestDatabase;

  beforeAll(async () => {
    [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  });
  afterAll(() => Promise.all([first.drop(), second.drop()]));

  const stores = async (from: TestDatabase): Promise<unknown> =>
    (await from.database.pool.query('select * from store')).rows;

  it('gives a migrated database whose rows no other test sees', async () => {
    await testKeyring(first.database);
    expect(await stores(first)).toHaveLength(1);
    expect(await stores(second)).toEqual([]);
  });

  it('leaves the template empty for whoever comes next', async () => {
    await testKeyring(first.database);
    const third = await createTestDatabase();
    expect(await stores(third)).toEqual([]);
    await third.drop();
  });

  it('drops the database, also with connections of others open', async () => {
    const third = await createTestDatabase();
    const name = new URL(third.url).pathname.slice(1);
    const other = new Client({ connectionString: third.url });
    other.on('error', () => undefined);
    await other.connect();
    await third.drop();
    const { rows } = await first.database.pool.query('select 1 from pg_database where datname = $1', [name]);
    expect(rows).toEqual([]);
  });

  it('opens the same keys again for the same database', async () => {
    const keyring = await testKeyring(first.database);
    const again = await testKeyring(first.database);
    const sealed = keyring.seal(keyring.rootStoreId, 'row', 'text');
    expect(again.open(testContext({ storeId: again.rootStoreId }).storeId, 'row', sealed).toString()).toBe('text');
  });
});
