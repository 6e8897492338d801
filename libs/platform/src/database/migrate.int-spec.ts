import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, pendingSchemaChanges, type TestDatabase } from '@claviger/testing';
import { Column, Entity, PrimaryColumn, type DataSource } from 'typeorm';
import { createDataSource } from './data-source.js';
import { assertMigrated, migrate, SCHEMA_VERSION } from './migrate.js';
import { MIGRATIONS } from './migrations/index.js';

@Entity('store', { synchronize: true })
class StoreWithColour {
  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  colour: string;
}

describe('migrate', () => {
  let test: TestDatabase;
  const opened: DataSource[] = [];

  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((source) => source.destroy()));
    await test.database.pool.query('drop schema public cascade; create schema public');
  });
  afterAll(() => test.drop());

  const open = async (): Promise<DataSource> => {
    const source = createDataSource({ url: test.url, poolSize: 3, entities: [], applicationName: 'test' });
    opened.push(await source.initialize());
    return source;
  };
  const emptied = async (): Promise<DataSource> => {
    await test.database.pool.query('drop schema public cascade; create schema public');
    return open();
  };
  const applied = async (source: DataSource): Promise<string[]> =>
    ((await source.query('select name from migration order by id')) as { name: string }[]).map((row) => row.name);

  it('keeps the migrations in the order of their names, each named once', () => {
    const stamps = MIGRATIONS.map(({ name }) => Number(/\d+$/.exec(name)?.[0]));
    expect(stamps).toEqual([...new Set(stamps)].sort((a, b) => a - b));
  });

  it('applies every migration to an empty database, and none twice', async () => {
    const source = await emptied();
    expect(await migrate(source)).toBe(MIGRATIONS.length);
    expect(await applied(source)).toEqual(MIGRATIONS.map(({ name }) => name));
    expect(await migrate(source)).toBe(0);
  });

  it('lets several processes start at once: each migration is applied by one of them', async () => {
    await emptied();
    const sources = await Promise.all([open(), open(), open()]);
    const counts = await Promise.all(sources.map((source) => migrate(source)));
    expect(counts.reduce((sum, count) => sum + count)).toBe(MIGRATIONS.length);
    expect(await applied(sources[0]!)).toEqual(MIGRATIONS.map(({ name }) => name));
  });

  it('refuses a database that a newer Claviger migrated, and changes nothing', async () => {
    const source = await emptied();
    await migrate(source);
    await source.query(`insert into migration (timestamp, name) values (9999999999999, 'Later9999999999999')`);
    for (const start of [migrate, assertMigrated])
      await expect(start(source)).rejects.toMatchObject({
        code: 'SCHEMA_NEWER',
        message: expect.stringContaining('Later'),
      });
    expect(await applied(source)).toHaveLength(MIGRATIONS.length + 1);
  });

  it('lets a process start only on a database of its own version', async () => {
    const source = await emptied();
    await expect(assertMigrated(source)).rejects.toMatchObject({ code: 'SCHEMA_OLDER' });
    await migrate(source);
    await expect(assertMigrated(source)).resolves.toBeUndefined();
    await source.query('delete from migration where name = $1', [SCHEMA_VERSION]);
    await expect(assertMigrated(source)).rejects.toMatchObject({ code: 'SCHEMA_OLDER' });
  });
});

describe('pendingSchemaChanges', () => {
  it('shows where an entity and the migrated schema differ', async () => {
    const test = await createTestDatabase([StoreWithColour]);
    expect((await pendingSchemaChanges(test.dataSource)).join('\n')).toContain('colour');
    await test.drop();
  });

  it('is empty without a difference', async () => {
    const test = await createTestDatabase();
    expect(await pendingSchemaChanges(test.dataSource)).toEqual([]);
    await test.drop();
  });
});
