import { newId } from '@claviger/kernel';
import {
  captureLogs,
  createTestDatabase,
  pendingSchemaChanges,
  type LogCapture,
  type TestDatabase,
} from '@claviger/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ProcessHeartbeatEntity } from './process-heartbeat.entity.js';
import { ProcessRegistry } from './process-registry.js';

let db: TestDatabase;
let logs: LogCapture;

beforeAll(async () => {
  db = await createTestDatabase([ProcessHeartbeatEntity]);
});
afterAll(() => db.drop());
beforeEach(async () => {
  logs = captureLogs();
  await db.database.pool.query('delete from process_heartbeat');
});

const open: ProcessRegistry[] = [];
const start = async (): Promise<ProcessRegistry> => {
  const registry = new ProcessRegistry(db.database, logs.logger, { kind: 'worker', version: '1.2.3' });
  open.push(registry);
  await registry.onModuleInit();
  return registry;
};
afterEach(() => Promise.all(open.splice(0).map((registry) => registry.beforeApplicationShutdown())));

const rows = async (): Promise<Record<string, unknown>[]> =>
  (await db.database.pool.query('select * from process_heartbeat')).rows;

describe('ProcessRegistry', () => {
  it('says what this process is as soon as it has started', async () => {
    const registry = await start();
    expect(await rows()).toEqual([
      expect.objectContaining({ id: registry.id, kind: 'worker', version: '1.2.3', seen_at: expect.any(Date) }),
    ]);
    expect(registry.liveProcesses()).toBe(1);
  });

  it('counts the processes that are alive', async () => {
    const first = await start();
    const second = await start();
    expect(second.liveProcesses()).toBe(2);
    await first.beat();
    expect(first.liveProcesses()).toBe(2);
  });

  it('renews its time and keeps its start', async () => {
    const registry = await start();
    await db.database.pool.query(
      `update process_heartbeat set seen_at = now() - interval '10 s', started_at = now() - interval '1 h'`,
    );
    const [before] = await rows();
    await registry.beat();
    const [after] = await rows();
    expect((after!['seen_at'] as Date).getTime()).toBeGreaterThan((before!['seen_at'] as Date).getTime());
    expect(after!['started_at']).toEqual(before!['started_at']);
  });

  it('removes a process that was not seen for a while, and only such', async () => {
    const survivor = await start();
    const silent = newId();
    const lastSeen = (ago: string): Promise<unknown> =>
      db.database.pool.query(
        `insert into process_heartbeat values ($1, 'api', '1.2.3', now(), now() - cast($2 as interval))
         on conflict (id) do update set seen_at = excluded.seen_at`,
        [silent, ago],
      );
    await lastSeen('12 s');
    await survivor.beat();
    expect(survivor.liveProcesses()).toBe(2);
    await lastSeen('16 s');
    await survivor.beat();
    expect(survivor.liveProcesses()).toBe(1);
  });

  it('comes back after it was taken for dead', async () => {
    const registry = await start();
    await db.database.pool.query('delete from process_heartbeat');
    await registry.beat();
    expect(await rows()).toHaveLength(1);
  });

  it('leaves when it shuts down, also from within a beat', async () => {
    const registry = await start();
    const beat = registry.beat();
    await registry.beforeApplicationShutdown();
    await beat;
    expect(await rows()).toEqual([]);
  });

  it('keeps the last known number while the database is away, and says so once', async () => {
    const registry = await start();
    await start();
    await registry.beat();
    await db.database.pool.query('alter table process_heartbeat rename to away');
    await registry.beat();
    await registry.beat();
    await db.database.pool.query('alter table away rename to process_heartbeat');
    expect(registry.liveProcesses()).toBe(2);
    expect(logs.lines('process.beat_failed')).toHaveLength(1);
    await registry.beat();
    expect(registry.liveProcesses()).toBe(2);
  });

  it('has a table that is what its entity says', async () => {
    expect(await pendingSchemaChanges(db.dataSource)).toEqual([]);
  });
});

describe('what processes know of keys', () => {
  const learning = async (known: { generation: string }): Promise<ProcessRegistry> => {
    const registry = new ProcessRegistry(db.database, logs.logger, { kind: 'worker', version: '1.2.3' });
    open.push(registry);
    registry.learnKeysBy(async () => {
      // It is on the list already when it looks: whoever uses a key that it does not find waits for it.
      expect((await registry.listLive()).map(({ id }) => id)).toContain(registry.id);
      return { keyGeneration: known.generation, rootKeyIds: ['a', 'b'] };
    });
    await registry.onModuleInit();
    return registry;
  };

  it('is told to the others with the first beat, and with each that finds something new', async () => {
    const known = { generation: '7' };
    const registry = await learning(known);
    expect(await rows()).toMatchObject([{ key_generation: '7', root_key_ids: ['a', 'b'] }]);
    known.generation = '8';
    await registry.beat();
    expect(await registry.listLive()).toMatchObject([{ keyGeneration: '8' }]);
  });

  it('is nothing for a process that cannot learn, which stays alive and says so once', async () => {
    const registry = new ProcessRegistry(db.database, logs.logger, { kind: 'api', version: '1.2.3' });
    open.push(registry);
    registry.learnKeysBy(() => Promise.reject(new Error('no key')));
    await registry.onModuleInit();
    await registry.beat();
    expect(await registry.listLive()).toMatchObject([{ id: registry.id, keyGeneration: null }]);
    expect(logs.lines('process.keys_unknown')).toHaveLength(1);
  });

  it('leaves the dead out', async () => {
    const registry = await start();
    await db.database.pool.query(`update process_heartbeat set seen_at = now() - interval '16 s'`);
    expect(await registry.listLive()).toEqual([]);
  });
});
