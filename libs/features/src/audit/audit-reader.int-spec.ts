import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, type RequestContext } from '@claviger/kernel';
import { createTestDatabase, FakeClock, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import type { AuditEntry } from './audit-entry.js';
import { AuditReader, type AuditQuery } from './audit-reader.js';
import { AUDIT_ENTITIES } from './audit.entities.js';
import { AuditService } from './audit.service.js';

describe('AuditReader', () => {
  const clock = new FakeClock(new Date('2026-03-01T22:00:00Z'));
  let test: TestDatabase;
  let reader: AuditReader;
  let audit: AuditService;
  let ctx: RequestContext;
  let accessor: string;

  beforeAll(async () => {
    test = await createTestDatabase(AUDIT_ENTITIES);
    const keyring = await testKeyring(test.database);
    audit = new AuditService(test.database, keyring, clock);
    reader = new AuditReader(test.database, clock);
    ctx = testContext({ storeId: keyring.rootStoreId });
    accessor = newId();
    // One an hour, over three days: half of them by another actor, every third a refusal.
    for (let i = 0; i < 30; i += 1) {
      const actor =
        i % 2 === 0 ? ctx.actor : { ...ctx.actor, id: 'other', displayName: 'someone', rootId: 'root-2', accessor };
      const by = { ...ctx, actor, requestId: `request-${i}` };
      const entry = audit.entry(by, {
        action: i < 15 ? 'secret.read' : 'secrets_list',
        outcome: i % 3 === 0 ? 'refused' : 'allowed',
        resource: { kind: i % 5 === 0 ? 'token' : 'secret', id: `id-${i}`, name: `name-${i}` },
        details: { i },
      });
      await audit.commit(by, entry);
      await clock.advance(3_600_000);
    }
  });
  afterAll(() => test.drop());

  const numbers = async (query: Partial<AuditQuery> = {}): Promise<unknown[]> =>
    (await reader.list(ctx, { limit: 100, ...query })).entries.map(({ entry }) => entry.details['i']);
  const where = (test: (i: number) => boolean): number[] =>
    Array.from({ length: 30 }, (_, i) => i)
      .filter(test)
      .reverse();

  it('lists newest first, in full', async () => {
    expect(await numbers()).toEqual(where(() => true));
    expect((await reader.list(ctx, { limit: 1 })).entries[0]!.entry).toEqual({
      id: expect.any(String),
      at: new Date('2026-03-03T03:00:00Z'),
      actor: { type: 'token', id: 'other', accessor, displayName: 'someone', rootId: 'root-2' },
      action: 'secrets_list',
      outcome: 'allowed',
      resource: { kind: 'secret', id: 'id-29', name: 'name-29' },
      requestId: 'request-29',
      remoteAddress: ctx.remoteAddress,
      details: { i: 29 },
    });
  });

  it('pages over midnight without losing or repeating anything', async () => {
    const seen: unknown[] = [];
    let after: AuditQuery['after'];
    for (;;) {
      const { entries: page } = await reader.list(ctx, { limit: 4, ...(after && { after }) });
      seen.push(...page.map(({ entry }) => entry.details['i']));
      after = page.at(-1)?.place;
      if (page.length < 4) break;
    }
    expect(seen).toEqual(where(() => true));
  });

  it('filters by actor: id, accessor, name or root', async () => {
    const others = where((i) => i % 2 === 1);
    for (const actor of ['other', 'someone', 'root-2', accessor]) expect(await numbers({ actor })).toEqual(others);
    expect(await numbers({ actor: 'nobody' })).toEqual([]);
  });

  it('filters by action, or by what it is done to, and takes no part of a word for it', async () => {
    expect(await numbers({ action: 'secret.read' })).toEqual(where((i) => i < 15));
    expect(await numbers({ action: 'secret' })).toEqual(where((i) => i < 15));
    expect(await numbers({ action: 'secret.r' })).toEqual([]);
    expect(await numbers({ action: 'secret%' })).toEqual([]);
  });

  it('filters by outcome, resource and request', async () => {
    expect(await numbers({ outcome: 'refused' })).toEqual(where((i) => i % 3 === 0));
    expect(await numbers({ resourceKind: 'token' })).toEqual(where((i) => i % 5 === 0));
    expect(await numbers({ resource: 'id-7' })).toEqual([7]);
    expect(await numbers({ resource: 'name-7' })).toEqual([7]);
    expect(await numbers({ requestId: 'request-9' })).toEqual([9]);
  });

  it('filters by time: from included, to excluded', async () => {
    const from = new Date('2026-03-01T23:00:00Z');
    const to = new Date('2026-03-02T02:00:00Z');
    expect(await numbers({ from, to })).toEqual([3, 2, 1]);
    expect(await numbers({ from, to, outcome: 'refused' })).toEqual([3]);
    const all = { from: new Date('0000-01-01T00:00:00Z'), to: new Date('9999-12-31T23:59:59Z') };
    expect(await numbers({ ...all, action: 'secret' })).toEqual(where((i) => i < 15));
  });

  it('spells out the entries that were stored together, the last one first, and pages through them', async () => {
    const by = { ...ctx, requestId: 'together' };
    const entry = (i: number): AuditEntry =>
      audit.entry(by, {
        action: 'a.b',
        outcome: i % 2 === 0 ? 'allowed' : 'failed',
        resource: { kind: 'x' },
        details: { i },
      });
    const client = await test.database.pool.connect();
    await client.query('begin; lock table audit_batch in exclusive mode');
    const blocked = [100, 101, 102].map((i) => audit.commit(by, entry(i)));
    const together = [103, 104, 105, 106, 107].map((i) => audit.commit(by, entry(i)));
    await client.query('rollback');
    client.release();
    await Promise.all([...blocked, ...together]);
    const sql = `select count(*)::int as entries, count(distinct batch_id)::int as batches from audit_entry where request_id = 'together'`;
    const [counted] = (await test.database.pool.query<{ entries: number; batches: number }>(sql)).rows;
    expect(counted!.entries).toBe(8);
    expect(counted!.batches).toBeLessThan(8);
    expect(await numbers({ requestId: 'together' })).toEqual([107, 106, 105, 104, 103, 102, 101, 100]);
    expect(await numbers({ requestId: 'together', outcome: 'failed' })).toEqual([107, 105, 103, 101]);
    const seen: unknown[] = [];
    for (let after: AuditQuery['after'], page; !page || page.length > 0; after = page.at(-1)?.place) {
      page = (await reader.list(ctx, { requestId: 'together', limit: 3, ...(after && { after }) })).entries;
      seen.push(...page.map(({ entry: { details } }) => details['i']));
    }
    expect(seen).toEqual([107, 106, 105, 104, 103, 102, 101, 100]);
  });

  it('finds a text with quotes and letters of all kinds', async () => {
    for (const name of ['"quoted"', 'back\\slash', 'tab\t', 'naïve/日本/😀']) {
      await audit.commit(ctx, audit.entry(ctx, { action: 'a.b', outcome: 'allowed', resource: { kind: 'odd', name } }));
      expect(
        (await reader.list(ctx, { resource: name, limit: 9 })).entries.map(({ entry }) => entry.resource.name),
      ).toEqual([name]);
    }
  });

  it('shows nothing of another store', async () => {
    expect(await reader.list(testContext(), { limit: 10 })).toEqual({ entries: [] });
  });
});
