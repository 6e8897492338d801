import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Clock, RequestContext } from '@claviger/kernel';
import { createTestDatabase, FakeClock, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import { AuditPartitions } from './audit-partitions.js';
import { AuditReader, type AuditPlace, type AuditQuery } from './audit-reader.js';
import { AuditSearchIndex } from './audit-search-index.js';
import { wordsOf } from './audit-words.js';
import { AUDIT_ENTITIES } from './audit.entities.js';

// A limit for what hangs: many databases are made here, and a machine may be slow.
jest.setTimeout(60_000);

const DAYS = ['2031-12-28', '2031-12-29', '2031-12-30', '2031-12-31'] as const;
const BATCHES = 3_000;

/** Of each day so many batches of two entries. One in a thousand failed; each secret is read twice a day. */
const FILL = `
  insert into audit_batch (day, id, store_id, epoch, tx, entries, digest, mac, mac_key_id)
  select $1::date, ids.id, $2::uuid, 1, i, entry(i, 1) || E'\\n' || entry(i, 2), sha256(''), sha256(''), 'k'
  from generate_series(1, ${BATCHES}) i
  cross join lateral (
    select (left(time, 8) || '-' || right(time, 4) || '-7000-8000-' || lpad(i::text, 12, '0'))::uuid as id
    from (select lpad(to_hex((extract(epoch from $1::date::timestamptz) * 1000)::bigint + i * 20000), 12, '0') as time) t
  ) ids`;

const ENTRY = `
  create function entry(i integer, n integer) returns text language sql as $$
    select json_build_array('claviger-audit-entry/1', '2031-12-28', gen_random_uuid(), gen_random_uuid(),
      '2031-12-28T12:00:00.000Z', 'token', 'actor-' || i % 40, null, 'name-' || i % 40, 'root-' || i % 7, 'secret.content.read',
      case when i % 1000 = 0 then 'failed' else 'allowed' end, 'secret', 'secret-' || i % ${BATCHES / 2},
      'app/' || i % ${BATCHES / 2}, 'request-' || i || '-' || n, null, json_build_array(), 'k')::text
  $$`;

type Plan = { readonly 'Node Type': string; readonly 'Relation Name'?: string; readonly 'Index Name'?: string } & {
  readonly Plans?: readonly Plan[];
};

describe('AuditSearchIndex', () => {
  const clock = new FakeClock(new Date('2031-12-28T12:00:00Z'));
  const running = new AbortController().signal;
  let test: TestDatabase;
  let ctx: RequestContext;
  let asked: { query: string; parameters: unknown[] }[];

  beforeAll(async () => {
    test = await createTestDatabase(AUDIT_ENTITIES);
    const keyring = await testKeyring(test.database);
    ctx = testContext({ storeId: keyring.rootStoreId });
    await test.database.pool.query(`select audit_drop_day(day, '{}', '{}', '{}', '{}') from audit_days() day`);
    await new AuditPartitions(test.database, clock).makeAhead();
    await clock.advance(3 * 86_400_000);
    await new AuditPartitions(test.database, clock).makeAhead();
    await test.database.pool.query(ENTRY);
    for (const day of DAYS) await test.database.pool.query(FILL, [day, ctx.storeId]);
    const logger = { logQuery: (query: string, parameters: unknown[]) => void asked.push({ query, parameters }) };
    Object.assign(test.dataSource, { logger });
  });
  afterAll(() => test.drop());

  const logged: unknown[] = [];
  const logger = { warn: (...told: unknown[]) => void logged.push(told.slice(0, 2)) } as never;
  const makeIndexes = (): Promise<readonly string[]> =>
    new AuditSearchIndex(test.database, clock, logger).make(running);
  const search = (query: Partial<AuditQuery>, by: Clock = clock): ReturnType<AuditReader['list']> => {
    asked = [];
    return new AuditReader(test.database, by).list(ctx, { limit: 51, ...query });
  };
  const requests = async (query: Partial<AuditQuery>): Promise<string[]> =>
    (await search(query)).entries.map(({ entry }) => entry.requestId);

  function* partsOf(plan: Plan): Generator<Plan> {
    yield plan;
    for (const part of plan.Plans ?? []) yield* partsOf(part);
  }
  /** Table or index and how it is read, for each day that the last search went through. */
  const plans = async (): Promise<string[][]> => {
    const ofDays = asked.filter(
      ({ query, parameters }) => query.includes('batch_day') && DAYS.some((day) => parameters.includes(day)),
    );
    return Promise.all(
      ofDays.map(async ({ query, parameters }) => {
        const explained = await test.database.pool.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
          `explain (format json) ${query}`,
          parameters,
        );
        return [...partsOf(explained.rows[0]!['QUERY PLAN'][0].Plan)]
          .filter((part) => part['Relation Name'] ?? part['Index Name'])
          .map((part) => `${part['Node Type']} ${part['Index Name'] ?? part['Relation Name']}`);
      }),
    );
  };

  const QUERIES: readonly (readonly [string, Partial<AuditQuery>])[] = [
    ['a secret', { resource: 'secret-77' }],
    ['the name of a secret', { resource: 'app/77' }],
    ['an actor', { actor: 'actor-7' }],
    ['what an actor did with a secret', { actor: 'name-37', resource: 'app/77' }],
    ['an outcome', { outcome: 'failed' }],
    ['an action', { action: 'secret.content' }],
    ['a kind', { resourceKind: 'secret' }],
    ['a request', { requestId: 'request-77-1' }],
    ['nothing that is there', { resource: 'app' }],
  ];
  const before = new Map<string, string[]>();

  it('makes an index of each day that is over, once, also where an attempt was interrupted', async () => {
    for (const [name, query] of QUERIES) before.set(name, await requests(query));
    const sql = `select count(*)::int as count from pg_index join pg_class on oid = indexrelid where relname ~ '_words$'`;
    expect(await makeIndexes()).toEqual(['2031-12-30', '2031-12-29', '2031-12-28']);
    expect(await makeIndexes()).toEqual([]);
    await test.database.pool.query(
      `update pg_index set indisvalid = false where indexrelid = 'ix_audit_batch_20311229_words'::regclass`,
    );
    expect(await makeIndexes()).toEqual(['2031-12-29']);
    expect((await test.database.pool.query(sql)).rows).toEqual([{ count: 3 }]);
  });

  it('leaves out a day with a text that is no entry, and says so', async () => {
    const change = (to: string): Promise<unknown> =>
      test.database.pool.query(`begin; set local session_replication_role = replica; ${to}; commit`);
    await test.database.pool.query('drop index ix_audit_batch_20311229_words, ix_audit_batch_20311228_words');
    await change(`create table saved as select * from audit_batch where day = '2031-12-29' limit 1;
      update audit_batch set entries = 'x' where id in (select id from saved)`);
    expect(await makeIndexes()).toEqual(['2031-12-28']);
    expect(logged).toEqual([['audit.day_not_indexed', { day: '2031-12-29' }]]);
    await change('update audit_batch set entries = saved.entries from saved where audit_batch.id = saved.id');
    expect(await makeIndexes()).toEqual(['2031-12-29']);
  });

  it.each(QUERIES)('finds the same as without it: %s', async (name, query) => {
    expect(await requests(query)).toEqual(before.get(name));
  });

  it.each([
    ['a secret', { resource: 'secret-77' }],
    ['an actor and a secret', { actor: 'actor-37', resource: 'secret-77' }],
    ['a rare outcome', { outcome: 'failed' as const }],
  ])('is what %s is found by on the days that are over', async (_, query) => {
    await search(query);
    const [today, ...over] = await plans();
    expect(today!.join()).toMatch(/audit_batch_20311231/);
    expect(over).toEqual(
      ['20311230', '20311229', '20311228'].map((day) => [
        `Bitmap Heap Scan audit_batch_${day}`,
        `Bitmap Index Scan ix_audit_batch_${day}_words`,
      ]),
    );
  });

  it('is not used for what is everywhere: that is found in the order of the list', async () => {
    await search({ outcome: 'allowed', to: new Date('2031-12-30T00:00:00Z') });
    expect((await plans()).at(-1)).toEqual(['Index Scan audit_batch_20311230_pkey']);
  });

  it('goes through no day outside the times', async () => {
    await search({
      resource: 'secret-77',
      from: new Date('2031-12-29T02:00:00Z'),
      to: new Date('2031-12-29T20:00:00Z'),
    });
    expect((await plans()).map(([first]) => first)).toEqual(['Bitmap Heap Scan audit_batch_20311229']);
  });

  it('stops when it has taken long, says where to go on, and finds the rest from there', async () => {
    let looks = 0;
    const slow: Clock = {
      now: () => ((looks += 1), new Date(clock.now().getTime() + looks * 2_000)),
      sleep: () => Promise.resolve(),
    };
    const found: string[] = [];
    let pages = 0;
    for (let after: AuditPlace | undefined, isOver = false; !isOver; pages += 1) {
      const page = await search({ resource: 'secret-77', ...(after && { after }) }, slow);
      found.push(...page.entries.map(({ entry }) => entry.requestId));
      after = page.resumeAt;
      isOver = after === undefined;
    }
    expect(pages).toBeGreaterThan(1);
    expect(found).toEqual(before.get('a secret'));
  });

  it('knows the same words as the query, cut where the index cuts them', async () => {
    const long = 'ü'.repeat(300);
    const query = {
      actor: 'actor-1',
      action: 'secret.content',
      outcome: 'allowed',
      resourceKind: 'secret',
      resource: long,
    };
    const sql = `select audit_words(replace(entry(1, 1), 'app/1', $1)) @> $2::text[] as known`;
    const { rows } = await test.database.pool.query(sql, [long, wordsOf({ ...query, outcome: 'allowed' })]);
    expect(rows).toEqual([{ known: true }]);
  });
});
