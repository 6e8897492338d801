import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { newId, RETENTION_FAULT_POINTS, setFaultHook, type RequestContext } from '@claviger/kernel';
import { AUDIT_ENTITIES, AuditService } from '@claviger/features/audit';
import { readExportLines, sha256OfFile } from '@claviger/platform/files';
import type { Database } from '@claviger/platform/database';
import { createTestDatabase, FakeClock, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import { ChangeEntity } from './change.entity.js';
import { ChangeRetention } from './change-retention.js';
import type { ChangeState } from './change-state.js';

// A limit for what hangs: many databases are made here, and a machine may be slow.
jest.setTimeout(60_000);

const DAY_MS = 86_400_000;
const POINTS = RETENTION_FAULT_POINTS.filter((point) => point.startsWith('change.'));

const HISTORY = 'secret.create';

class Killed extends Error {}

describe('ChangeRetention', () => {
  const clock = new FakeClock(new Date('2026-06-10T00:00:00Z'));
  let test: TestDatabase;
  let audit: AuditService;
  let ctx: RequestContext;
  let root: string;
  let directory: string;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'claviger-changes-'));
  });
  afterAll(() => rm(root, { recursive: true }));
  beforeEach(async () => {
    test = await createTestDatabase([...AUDIT_ENTITIES, ChangeEntity]);
    const keyring = await testKeyring(test.database);
    audit = new AuditService(test.database, keyring, clock);
    ctx = testContext({ storeId: keyring.rootStoreId });
    directory = join(root, new URL(test.url).pathname.slice(1));
  });
  afterEach(async () => {
    setFaultHook(undefined);
    await test.drop();
  });

  const run = (database = test.database): Promise<number> => {
    const logger = { info: () => undefined } as never;
    const dependencies = { database, audit, clock, logger, directory, retentionDays: 7, historyKinds: () => [HISTORY] };
    return new ChangeRetention(dependencies).run(new AbortController().signal);
  };
  const change = async (daysAgo: number, state: ChangeState = 'done', kind = 'secret.update'): Promise<string> => {
    const endedAt = new Date(clock.now().getTime() - daysAgo * DAY_MS);
    const id = newId(endedAt.getTime());
    await test.database.repository(ctx, ChangeEntity).insert({
      storeId: ctx.storeId,
      id,
      kind,
      state,
      requestedBy: { id: 'someone', name: 'Someone' },
      reason: `reason of ${id}`,
      parameters: { n: 1 },
      endedAt: ['done', 'abandoned', 'rejected'].includes(state) ? endedAt : null,
    });
    return id;
  };
  const left = async (): Promise<string[]> =>
    (await test.database.repository(ctx, ChangeEntity).find({ order: { id: 'ASC' } })).map(({ id }) => id);
  const exported = async (): Promise<Record<string, unknown>[]> => {
    const all: Record<string, unknown>[] = [];
    for (const file of await readdir(directory))
      for await (const line of await readExportLines(join(directory, file)))
        all.push(JSON.parse(line) as Record<string, unknown>);
    return all.filter(({ kind }) => kind !== 'export');
  };

  it('exports and removes changes that ended long ago, and keeps the others', async () => {
    const old = [await change(30), await change(8, 'rejected'), await change(7.01, 'abandoned')];
    const kept = [
      await change(20, 'pending_approval'),
      await change(10, 'failed'),
      await change(6.99),
      await change(0),
    ];
    expect(await run()).toBe(3);
    expect(await left()).toEqual(kept);
    const changes = await exported();
    expect(changes.map(({ id }) => id)).toEqual(old);
    expect(changes[0]).toMatchObject({ reason: `reason of ${old[0]}`, state: 'done', parameters: { n: 1 } });
    for (const each of changes) expect(each).not.toHaveProperty('payload');
    expect(await run()).toBe(0);
  });

  it('says so in the audit log, with the digest of the file', async () => {
    const id = await change(30);
    await run();
    const [file] = (await readdir(directory)) as [string];
    const { rows } = await test.database.pool.query(
      `select resource_name as name, details from audit_entry where action = 'change.export'`,
    );
    expect(rows).toEqual([
      { name: file, details: { count: 1, lastId: id, sha256: await sha256OfFile(join(directory, file)) } },
    ]);
  });

  it('keeps what anything refers to, also a table that it knows nothing of', async () => {
    const [removed, evidence] = [await change(30), await change(29)];
    await test.database.pool.query(`
      create table finding (store uuid, about uuid, foreign key (store, about) references change (store_id, id))`);
    await test.database.pool.query('insert into finding values ($1, $2)', [ctx.storeId, evidence]);
    expect(await run()).toBe(1);
    expect(await left()).toEqual([evidence]);
    expect((await exported()).map(({ id }) => id)).toEqual([removed]);
  });

  it('keeps what says how a secret was set up, which nothing else does', async () => {
    const [setUp] = [await change(30, 'done', HISTORY), await change(29)];
    expect(await run()).toBe(1);
    expect(await left()).toEqual([setUp]);
  });

  it.each(POINTS)('that dies at %s is finished by the next run', async (point) => {
    const old = [await change(30), await change(29)];
    setFaultHook((at) => {
      if (at === point) throw new Killed();
    });
    await expect(run()).rejects.toThrow(Killed);
    setFaultHook(undefined);
    await change(28);
    expect(await run()).toBe(point === 'change.removed' ? 1 : 3);
    expect(await left()).toEqual([]);
    const ids = (await exported()).map(({ id }) => id as string);
    expect(ids).toHaveLength(3);
    expect(ids).toEqual(expect.arrayContaining(old));
  });

  it('removes nothing when something came to refer to it while it was exported', async () => {
    const [removed, evidence] = [await change(30), await change(29)];
    await test.database.pool.query(`
      create table finding (store uuid, about uuid, foreign key (store, about) references change (store_id, id))`);
    const database: Database = Object.assign(Object.create(test.database) as Database, {
      transaction: async <T>(at: RequestContext, work: (tx: RequestContext) => Promise<T>): Promise<T> => {
        await test.database.pool.query('insert into finding values ($1, $2)', [ctx.storeId, evidence]);
        return test.database.transaction(at, work);
      },
    });
    expect(await run(database)).toBe(0);
    expect(await left()).toEqual([removed, evidence]);
    expect(await readdir(directory)).toEqual([]);
    expect(await run()).toBe(1);
    expect(await left()).toEqual([evidence]);
  });
});
