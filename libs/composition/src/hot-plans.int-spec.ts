import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NamedStatement } from '@claviger/platform/database';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';

const STORE = '01990000-0000-7000-8000-000000000000';
const ROWS = 4_000;

/** Everything else grows with use. */
const SMALL = new Set(['store', 'vault_instance', 'vault_profile', 'policy', 'access_epoch', 'database_epoch']);

/** Columns of growing tables of which one value has few rows: an index is of use only where it narrows by one of them. */
const NARROWING: Readonly<Record<string, readonly string[]>> = {
  secret: ['id'],
  secret_version: ['secret_id'],
  sync_target: ['secret_id'],
  builtin_object: ['name'],
  builtin_version: ['name'],
  token: ['id', 'hash'],
  principal: ['id'],
  principal_group: ['id'],
  group_member: ['principal_id'],
  audit_batch: ['tx'],
  audit_seal: ['number'],
};

/** Read in the order of an index, from a position on, for a first row or a number of them. */
const READ_IN_ORDER = new Set(['audit_batch', 'audit_seal']);

type Plan = {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly Plan[];
};

/** Found by what they export, so that none is forgotten. */
async function hotStatements(): Promise<NamedStatement[]> {
  const files = readdirSync('libs', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.hot.ts'));
  const exported = await Promise.all(files.map((file) => import(join(process.cwd(), 'libs', file)) as Promise<object>));
  return exported.flatMap((module) => Object.values(module) as unknown[]).filter(isNamedStatement);
}

function isNamedStatement(value: unknown): value is NamedStatement {
  return typeof value === 'object' && value !== null && 'name' in value && 'text' in value;
}

/** As many rows in each growing table as make reading all of it the wrong thing to do. */
const FILL = [
  `set session_replication_role = replica`,
  `insert into store (id, name) values ('${STORE}', 'filled') on conflict do nothing`,
  `create temporary view n as select i, lpad(i::text, 12, '0') as digits from generate_series(1, ${ROWS}) i`,
  `insert into vault_instance (store_id, id, name, kind, config, credentials)
     values ('${STORE}', '${STORE}', 'inside', 'builtin', '{}', '')`,
  `insert into vault_profile (store_id, id, name, instance_id, mount)
     values ('${STORE}', '${STORE}', 'one', '${STORE}', 'one')`,
  `insert into secret (store_id, id, name, type, state, source_profile_id, physical_name, current_version,
       current_fingerprint, current_backend_version, created_by)
     select '${STORE}', ('01990000-0000-7000-8000-' || digits)::uuid, 'secret-' || i, 'generic', 'active', '${STORE}',
       'secret-' || i, 1, 'f', '1', '{}' from n`,
  `insert into builtin_object (store_id, mount, name, current_version)
     select '${STORE}', 'one', 'secret-' || i, 1 from n`,
  `insert into builtin_version (store_id, mount, name, version, content_id, content)
     select '${STORE}', 'one', 'secret-' || i, 1, gen_random_uuid(), '\\x00' from n`,
  `insert into secret_version (store_id, secret_id, number, fingerprint, profile_id, origin, change_id, created_by)
     select '${STORE}', ('01990000-0000-7000-8000-' || digits)::uuid, 1, 'f', '${STORE}', 'written', gen_random_uuid(), '{}'
     from n`,
  `insert into sync_target (store_id, secret_id, profile_id, physical_name, desired_version, desired_fingerprint,
       desired_presence, next_attempt_at, verified_epoch)
     select '${STORE}', ('01990000-0000-7000-8000-' || digits)::uuid, '${STORE}', 'secret-' || i, 1, 'f', 'present', now(), '1'
     from n`,
  `insert into change (store_id, id, kind, state, secret_id, requested_by)
     select '${STORE}', gen_random_uuid(), 'secret.content', 'done', ('01990000-0000-7000-8000-' || digits)::uuid, '{}' from n`,
  `insert into event (store_id, id, type) select '${STORE}', gen_random_uuid(), 'secret.updated' from n`,
  // Every tenth has no parent; most end.
  `insert into token (store_id, id, hash, hash_key_id, accessor, parent_id, ancestors, display_name, policies, is_renewable,
       ttl_seconds, expires_at, created_at)
     select '${STORE}', ('01990000-0000-7000-8000-' || digits)::uuid, sha256(digits::bytea), 'k', 'a' || i, parent,
       case when parent is null then '{}' else array[parent] end, 't', '{}', true, 3600, now() + i * interval '1 second', now()
     from n, lateral (
       select case when i % 10 > 0 then ('01990000-0000-7000-8000-' || lpad((i - i % 10)::text, 12, '0'))::uuid end as parent
     ) p`,
  `insert into principal (store_id, id, kind, name, display_name, policies)
     select '${STORE}', ('01990000-0000-7000-8000-' || digits)::uuid, 'user', 'u' || i, 'u', '{}' from n`,
  `insert into principal_group (store_id, id, name, description, policies)
     select '${STORE}', ('01990000-0000-7000-8000-' || digits)::uuid, 'g' || i, '', '{}' from n`,
  `insert into group_member (store_id, principal_id, group_id)
     select '${STORE}', ('01990000-0000-7000-8000-' || digits)::uuid,
       ('01990000-0000-7000-8000-' || lpad((i % 50 + 1)::text, 12, '0'))::uuid from n`,
  `insert into audit_batch (day, id, store_id, epoch, tx, entries, digest, mac, mac_key_id)
     select current_date, gen_random_uuid(), '${STORE}', 1, i, '[]', sha256(''), sha256(''), 'k' from n`,
  `insert into audit_seal (store_id, number, epoch, watermark_tx, watermark_id, batch_count, merkle_root, previous_hash,
       sealed_at, key_id, signature)
     select '${STORE}', i, 1, i, gen_random_uuid(), 1, '', '', now(), 'k', '' from n`,
];

/** No statistics appear by themselves; `isAnalysed` makes them where there are rows, as autovacuum does. */
async function prepared({ isFilled, isAnalysed }: { isFilled: boolean; isAnalysed: boolean }): Promise<TestDatabase> {
  const test = await createTestDatabase();
  const runner = test.dataSource.createQueryRunner();
  const tables = (await runner.query(
    `select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  )) as { name: string }[];
  for (const { name } of tables) await runner.query(`alter table ${name} set (autovacuum_enabled = false)`);
  if (isFilled) for (const statement of FILL) await runner.query(statement);
  for (const { name } of isAnalysed ? tables : []) {
    const [row] = (await runner.query(`select exists (select from ${name}) as "hasRows"`)) as { hasRows: boolean }[];
    if (row!.hasRows) await runner.query(`analyze ${name}`);
  }
  await runner.release();
  return test;
}

async function planOf(test: TestDatabase, { text }: NamedStatement): Promise<Plan> {
  const [row] = (await test.dataSource.query(`explain (generic_plan, format json) ${text}`)) as {
    'QUERY PLAN': [{ Plan: Plan }];
  }[];
  return row!['QUERY PLAN'][0].Plan;
}

type Around = { readonly table?: string | undefined; readonly isLimited?: boolean };

/** Each part of a plan that reads more of a growing table than it was asked for. */
function* excesses(plan: Plan, around: Around = {}): Generator<string> {
  const { 'Node Type': node, 'Index Name': index, 'Index Cond': condition = '' } = plan;
  const table = (plan['Relation Name'] ?? around.table)?.replace(/^audit_batch_.*/, 'audit_batch');
  const isLimited = node === 'Limit' || (node.endsWith('Append') && around.isLimited === true);
  if (table !== undefined && !SMALL.has(table)) {
    if (node === 'Seq Scan') yield `${node} on ${table}`;
    const isNarrow = NARROWING[table]?.some((column) => new RegExp(`\\b${column}\\b`).test(condition));
    const isFirst = around.isLimited === true && READ_IN_ORDER.has(table);
    if (index !== undefined && !isNarrow && !isFirst) yield `${node} on ${table} by ${index} with ${condition}`;
  }
  const isBitmap = node.startsWith('Bitmap');
  for (const part of plan.Plans ?? []) yield* excesses(part, { isLimited, ...(isBitmap && { table }) });
}

describe('the statements of hot paths', () => {
  let statements: NamedStatement[];
  beforeAll(async () => {
    statements = await hotStatements();
  });

  it('are found, and each has a name of its own', () => {
    expect(statements.length).toBeGreaterThan(15);
    expect(new Set(statements.map(({ name }) => name)).size).toBe(statements.length);
  });

  describe.each([
    ['a fresh database', { isFilled: false, isAnalysed: false }],
    ['a filled database that was never analysed', { isFilled: true, isAnalysed: false }],
    ['a filled and analysed database', { isFilled: true, isAnalysed: true }],
  ])('in %s', (_, state) => {
    let test: TestDatabase;
    beforeAll(async () => {
      test = await prepared(state);
    });
    afterAll(() => test?.drop());

    it('read no more of a table that grows than they are asked for', async () => {
      const found: Record<string, string[]> = {};
      for (const statement of statements) {
        const tooMuch = [...excesses(await planOf(test, statement))];
        if (tooMuch.length > 0) found[statement.name] = tooMuch;
      }
      expect(found).toEqual({});
    });

    it('would be found to read too much', async () => {
      const wasteful = { name: 'wasteful', text: `select from secret where store_id = $1 and description = $2` };
      expect([...excesses(await planOf(test, wasteful))]).toHaveLength(1);
    });
  });
});
