import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, systemClock, type RequestContext } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import {
  createTestDatabase,
  pendingSchemaChanges,
  testContext,
  testKeyring,
  type TestDatabase,
} from '@claviger/testing';
import fc from 'fast-check';
import { readAuditChain } from './audit-chain.js';
import type { AuditEvent } from './audit-event.js';
import { batchParameters, insertBatchSql } from './audit-batch.hot.js';
import { keysOfStore } from './audit-keys.js';
import { verifyAudit } from './audit-verifier.js';
import { AUDIT_ENTITIES } from './audit.entities.js';
import { AuditService } from './audit.service.js';

const event = (name: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  action: 'secret.read',
  outcome: 'allowed',
  resource: { kind: 'secret', name },
  ...more,
});

describe('AuditService', () => {
  let test: TestDatabase;
  let keyring: Keyring;
  let audit: AuditService;
  let ctx: RequestContext;

  beforeAll(async () => {
    test = await createTestDatabase(AUDIT_ENTITIES);
    keyring = await testKeyring(test.database);
    audit = new AuditService(test.database, keyring, systemClock);
    ctx = testContext({ storeId: keyring.rootStoreId });
  });
  afterAll(() => test.drop());

  const count = async (name: string): Promise<number> => {
    const sql = 'select count(*)::integer as count from audit_entry where resource_name = $1';
    return (await test.database.pool.query<{ count: number }>(sql, [name])).rows[0]!.count;
  };

  it('has entities that match the migrations', async () => {
    expect(await pendingSchemaChanges(test.dataSource)).toEqual([]);
  });

  describe('record', () => {
    const mutate = (name: string, fails: boolean): Promise<void> =>
      test.database.transaction(ctx, async (tx) => {
        await audit.record(tx, audit.entry(tx, event(name)));
        if (fails) throw new Error('the mutation fails');
      });

    it('commits the entry with the mutation', async () => {
      await mutate('committed', false);
      expect(await count('committed')).toBe(1);
    });

    it('rolls the entry back with the mutation', async () => {
      await expect(mutate('rolled back', true)).rejects.toThrow('the mutation fails');
      expect(await count('rolled back')).toBe(0);
    });

    it('refuses to work outside a transaction', async () => {
      await expect(audit.record(ctx, audit.entry(ctx, event('loose')))).rejects.toThrow(/transaction/);
      expect(await count('loose')).toBe(0);
    });
  });

  describe('commit', () => {
    it('resolves when the entry is committed', async () => {
      await audit.commit(ctx, audit.entry(ctx, event('read')));
      expect(await count('read')).toBe(1);
    });

    it('commits the entries of many callers in few transactions, each entry once', async () => {
      await Promise.all(
        Array.from({ length: 300 }, async (_, i) => {
          await audit.commit(ctx, audit.entry(ctx, event(`many/${i}`)));
          expect(await count(`many/${i}`)).toBe(1);
        }),
      );
      const sql = `select count(distinct tx)::integer as transactions from audit_entry where resource_name like 'many/%'`;
      const { rows } = await test.database.pool.query<{ transactions: number }>(sql);
      expect(rows[0]!.transactions).toBeLessThan(30);
    });

    it('rejects everybody in the batch when it cannot be written, and works again afterwards', async () => {
      await test.database.pool.query('alter table audit_batch rename to audit_batch_away');
      const refused = await Promise.allSettled(
        Array.from({ length: 5 }, () => audit.commit(ctx, audit.entry(ctx, event('unavailable')))),
      );
      await test.database.pool.query('alter table audit_batch_away rename to audit_batch');
      for (const result of refused)
        expect(result).toMatchObject({
          status: 'rejected',
          reason: { code: 'AUDIT_UNAVAILABLE', kind: 'unavailable', retryable: true },
        });
      expect(await count('unavailable')).toBe(0);
      await audit.commit(ctx, audit.entry(ctx, event('available again')));
      expect(await count('available again')).toBe(1);
    });

    it('rejects when the connection dies before the commit', async () => {
      const blocker = await test.database.pool.connect();
      await blocker.query('begin; lock table audit_batch in exclusive mode');
      const entry = audit.commit(ctx, audit.entry(ctx, event('killed')));
      entry.catch(() => undefined);
      const waiting = `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      let pid: number | undefined;
      for (const until = Date.now() + 10_000; pid === undefined && Date.now() < until;)
        pid = (await blocker.query<{ pid: number }>(waiting)).rows[0]?.pid;
      await blocker.query('select pg_terminate_backend($1)', [pid]);
      await expect(entry).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
      await blocker.query('rollback');
      blocker.release();
      expect(await count('killed')).toBe(0);
    });

    it('refuses to work inside a transaction', async () => {
      await test.database.transaction(ctx, async (tx) => {
        await expect(audit.commit(tx, audit.entry(tx, event('inside')))).rejects.toThrow(/inside a transaction/);
      });
    });

    it('does not let one caller spoil the batch of the others', async () => {
      const bad = {
        name: 'a\0b\ud800',
        details: { '\0': '\udfff', long: 'x'.repeat(100_000), n: Number.NaN, zero: -0 },
      };
      const hostile = event(bad.name, { details: bad.details });
      await Promise.all([
        audit.commit(ctx, audit.entry(ctx, event('beside'))),
        audit.commit({ ...ctx, remoteAddress: '\0' }, audit.entry({ ...ctx, remoteAddress: '\0' }, hostile)),
      ]);
      expect(await count('beside')).toBe(1);
      expect(await count('a\ufffdb\ufffd')).toBe(1);
    });
  });

  it('stores what it was given: every entry reads back under a digest and MAC', async () => {
    const text = fc.string({ unit: 'binary' });
    const scalar = fc.oneof(text, fc.double(), fc.integer(), fc.boolean(), fc.constant(null));
    const input = fc.record({ name: text, id: fc.option(text), details: fc.dictionary(text, scalar), actor: text });
    await fc.assert(
      fc.asyncProperty(fc.array(input, { minLength: 1, maxLength: 20 }), fc.boolean(), async (inputs, isOneByOne) => {
        const entries = inputs.map(({ name, id, details, actor }) => {
          const by = { ...ctx, actor: { ...ctx.actor, displayName: actor } };
          return audit.entry(
            by,
            event(name, { resource: { kind: 'secret', name, ...(id !== null && { id }) }, details }),
          );
        });
        if (isOneByOne)
          await test.database.transaction(ctx, async (tx) => {
            for (const entry of entries) await audit.record(tx, entry);
          });
        else await Promise.all(entries.map((entry) => audit.commit(ctx, entry)));
      }),
      { numRuns: 30 },
    );
    const source = { database: test.database, keyring, clock: systemClock };
    const report = await verifyAudit({
      records: readAuditChain(source, keyring.rootStoreId),
      keys: keysOfStore(keyring, keyring.rootStoreId),
    });
    expect(report).toMatchObject({ isIntact: true, areMacsChecked: true });
    expect(report.tail.count).toBeGreaterThan(300);
  });

  it('can ride on a hot statement, which decides whether there is an entry', async () => {
    await test.database.pool.query('create table hot (id integer primary key)');
    const write = (id: number, name: string): Promise<unknown> =>
      test.database.execute(
        ctx,
        {
          name: 'hot_write',
          text: `with written as (insert into hot values ($1) on conflict do nothing returning id),
            audited as (${insertBatchSql(2, 'exists (select from written)')}) select id from written`,
        },
        [id, ...batchParameters(audit.batch([audit.entry(ctx, event(name))]))],
      );
    await write(1, 'hot');
    await write(1, 'hot again');
    expect([await count('hot'), await count('hot again')]).toEqual([1, 0]);
  });

  it('counts refusals without a known caller, and stores one entry for a source', async () => {
    for (let i = 0; i < 5; i += 1) audit.countUnauthenticated('198.51.100.7');
    audit.onApplicationBootstrap();
    await audit.onApplicationShutdown();
    const { rows } = await test.database.pool.query(
      `select outcome, resource_kind, details ->> 'count' as count from audit_entry where resource_name = '198.51.100.7'`,
    );
    expect(rows).toEqual([{ outcome: 'refused', resource_kind: 'source', count: '5' }]);
  });

  it('keeps entries and seals as they are: no update, delete or truncate', async () => {
    await audit.commit(ctx, audit.entry(ctx, event('kept')));
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '');
    for (const table of ['audit_batch', `audit_batch_${day}`])
      for (const change of [`update ${table} set entries = 'x'`, `delete from ${table}`, `truncate ${table}`])
        await expect(test.database.pool.query(change)).rejects.toThrow(/append-only/);
    for (const change of [`truncate audit_batch_default`, `truncate audit_seal`])
      await expect(test.database.pool.query(change)).rejects.toThrow(/append-only/);
  });

  it('has no key for a store that does not exist', () => {
    expect(() => audit.entry(testContext({ storeId: newId() }), event('x'))).toThrow(
      expect.objectContaining({ code: 'STORE_KEY_MISSING' }),
    );
  });
});
