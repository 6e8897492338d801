import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { KEYED_COLUMNS, SEALED_COLUMNS } from './key-inventory.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
});
afterAll(() => db.drop());

const query = async <R>(sql: string): Promise<R[]> => (await db.database.pool.query(sql)).rows as R[];

describe('the inventory of what keys made', () => {
  it('names every column of the schema that holds bytes, a fingerprint, a digest, or the id of a key', async () => {
    const rows = await query<{ place: string }>(
      `select c.table_name || '.' || c.column_name as place from information_schema.columns c
       join information_schema.tables t using (table_schema, table_name)
       where c.table_schema = 'public' and t.table_type = 'BASE TABLE' and c.table_name !~ '^(audit_entry|audit_batch)_.*[0-9]|_default$'
         and (c.data_type = 'bytea' or c.column_name ~ '(fingerprint|digest|mac|_key_id|^key_id|kek_id)$')
         and c.table_name <> 'key_rotation' and c.table_name !~ '^bullmq|^bull_'`,
    );
    const sealed = SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`);
    expect(rows.map(({ place }) => place).sort()).toEqual([...sealed, ...Object.keys(KEYED_COLUMNS)].sort());
  });

  it.each(SEALED_COLUMNS.map((spec) => [`${spec.table}.${spec.column}`, spec] as const))(
    'goes through %s in the order of its primary key',
    async (_, { table, key }) => {
      const columns = await query<{ name: string; type: string }>(
        `select a.attname as name, format_type(a.atttypid, null) as type from pg_constraint c
         cross join lateral unnest(c.conkey) with ordinality as k (number, place)
         join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number
         where c.contype = 'p' and c.conrelid = '${table}'::regclass order by k.place`,
      );
      expect(columns.map(({ name, type }) => [name, type])).toEqual([['store_id', 'uuid'], ...key]);
    },
  );
});
