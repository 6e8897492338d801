import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError, newId, SecretValue, type RequestContext } from '@claviger/kernel';
import { ENTITIES } from '@claviger/composition';
import { AuditService } from '@claviger/features/audit';
import {
  captureLogs,
  createTestDatabase,
  FakeClock,
  injectFaults,
  testKeyring,
  type TestDatabase,
} from '@claviger/testing';
import { createVaultRoom, FakeVaultKind, type VaultRoom } from '../../../testing/src/vault-room.js';
import { desiredOf, ModelSource, type ModelSecret } from '../../../../test/model/replication/model-source.js';
import { DatabaseEpochs } from './database-epoch.js';
import { OwnershipMarker } from './ownership-marker.js';
import { Reconciler } from './reconciler.js';
import { ReplicationService } from './replication.service.js';
import { SyncTargetEntity } from './sync-target.entity.js';
import { TargetActions } from './target-actions.js';
import { TargetLedger } from './target-ledger.js';
import { TargetObserver } from './target-observer.js';
import { TargetRemoval } from './target-removal.js';
import { TargetRepository } from './target.repository.js';
import { TargetVaults } from './target-vaults.js';

const ADDRESS = 'https://fake.test';
const VERIFY_INTERVAL_S = 3_600;
const CALL = { requestId: 'test', signal: new AbortController().signal };

/** Everything of the room is real but the source, on a real database, with the built-in vault and a remote one. */
describe('replication on a real database', () => {
  const clock = new FakeClock(new Date());
  const source = new ModelSource();
  const wakeUps: { secretId: string; lane: string }[] = [];
  const denied = new Set<string>();
  let db: TestDatabase;
  let room: VaultRoom;
  let ctx: RequestContext;
  let ledger: TargetLedger;
  let targets: TargetRepository;
  let reconciler: Reconciler;
  let replication: ReplicationService;
  let remote: string;
  let local: string;

  beforeAll(async () => {
    db = await createTestDatabase(ENTITIES);
    room = await createVaultRoom(db, new FakeVaultKind());
    ctx = room.ctx;
    const { database } = db;
    const keyring = await testKeyring(database);
    const { logger } = captureLogs();
    const config = {
      work: {
        verifyIntervalSeconds: VERIFY_INTERVAL_S,
        workerConcurrency: 1,
        deleteFuse: 0,
        complianceIntervalSeconds: 900,
      },
    };
    const wake = { wake: (_: string, secretId: string, lane: string) => void wakeUps.push({ secretId, lane }) };
    const port = source.port(async () => undefined);
    targets = new TargetRepository(database);
    ledger = new TargetLedger(database, wake as never, clock);
    const epochs = new DatabaseEpochs(database, targets, keyring, logger);
    await epochs.onModuleInit();
    reconciler = new Reconciler(
      targets,
      new TargetRemoval(database, targets, room.places, port),
      new TargetVaults(room.connections, room.profiles, new OwnershipMarker(keyring)),
      new TargetObserver(port),
      new TargetActions(),
      wake,
      port,
      logger,
      config,
      clock,
    );
    const authorize = (_: RequestContext, path: string): void => {
      if (denied.has(path)) throw new AppError({ code: 'ACCESS_DENIED', kind: 'forbidden', message: 'Denied.' });
    };
    const audit = new AuditService(database, keyring, clock);
    replication = new ReplicationService(
      database,
      targets,
      ledger,
      wake as never,
      epochs,
      room.profiles,
      { authorize } as never,
      audit,
      config as never,
      clock,
    );
    room.fake.serve(ADDRESS);
    const credentials = new SecretValue<unknown>({ token: 'good-token' });
    await room.instances.create(ctx, { name: 'far', kind: 'fake', config: { address: ADDRESS }, credentials });
    await room.instances.create(ctx, { name: 'near', kind: 'builtin' });
    remote = (await room.profiles.create(ctx, { name: 'remote', instance: 'far', mount: 'kv', prefix: 'team' })).id;
    local = (await room.profiles.create(ctx, { name: 'local', instance: 'near', mount: 'copies' })).id;
  });

  let secret: ModelSecret;
  let name: string;

  beforeEach(async () => {
    const id = newId();
    name = `team/${id}`;
    wakeUps.length = 0;
    secret = { id, state: 'active', isDisabled: false, toggles: 0, versions: [version(1)] };
    source.secrets.push(secret);
    await db.database.pool.query(
      `insert into secret (store_id, id, name, type, state, source_profile_id, physical_name, created_by)
       values ($1, $2, $4, 'generic', 'active', $3, $4, '{}')`,
      [ctx.storeId, id, local, name],
    );
  });
  afterAll(() => db.drop());

  const version = (number: number): ModelSecret['versions'][number] => ({
    number,
    text: `{"content":"${newId()}"}`,
    state: 'live',
  });
  const add = (profileId: string): Promise<void> =>
    db.database.transaction(ctx, async (tx) => {
      await room.places.claim(tx, { profileId, physicalName: name, secretId: secret.id });
      const desired = desiredOf(secret);
      await ledger.add(tx, { secretId: secret.id, profileId, physicalName: name, onConflict: 'fail', desired });
    });
  const write = async (): Promise<void> => {
    secret.versions.push(version(secret.versions.length + 1));
    await db.database.transaction(ctx, (tx) => ledger.desire(tx, secret.id, desiredOf(secret)));
  };
  const reconcile = async (): Promise<void> => {
    await reconciler.reconcile(ctx, secret.id);
    // On a busy machine an attempt may outlive the patience of its job.
    await reconciler.drain();
  };
  const rows = (): Promise<SyncTargetEntity[]> => ledger.list(ctx, secret.id);
  const read = async (profileId: string): Promise<string> => {
    const { adapter } = await room.connections.adapterFor(ctx, profileId);
    return (await adapter.read(CALL, name)).content.reveal();
  };
  const current = (): string => secret.versions.at(-1)!.text;
  const audited = async (action: string): Promise<number> => {
    const sql = 'select count(*)::int as count from audit_entry where action = $1 and resource_id = $2';
    return (await db.database.pool.query<{ count: number }>(sql, [action, secret.id])).rows[0]!.count;
  };

  it('brings a new secret, and each new version, to the built-in vault and to a remote one', async () => {
    await add(remote);
    await add(local);
    await reconcile();
    expect([await read(remote), await read(local)]).toEqual([current(), current()]);
    await write();
    await reconcile();
    expect([await read(remote), await read(local)]).toEqual([current(), current()]);
    expect((await rows()).map(({ status, ownership }) => [status, ownership])).toEqual([
      ['in_sync', 'marker'],
      ['in_sync', 'marker'],
    ]);
  });

  it('never works twice on one target, however many workers there are', async () => {
    await add(remote);
    await Promise.all(Array.from({ length: 8 }, reconcile));
    await write();
    await Promise.all(Array.from({ length: 8 }, reconcile));
    const { adapter } = await room.connections.adapterFor(ctx, remote);
    expect((await adapter.describe(CALL, name)).currentVersion).toBe('2');
    expect(await rows()).toMatchObject([{ status: 'in_sync', observedVersion: 2, observedBackendVersion: '2' }]);
  });

  it('marks its objects, at a place that another secret cannot take over', async () => {
    await add(remote);
    await reconcile();
    const { adapter } = await room.connections.adapterFor(ctx, remote);
    const { metadata } = await adapter.describe(CALL, name);
    expect(Object.keys(metadata)).toEqual(['claviger_owner']);
    const other = db.database.transaction(ctx, (tx) =>
      room.places.claim(tx, { profileId: remote, physicalName: name, secretId: newId() }),
    );
    await expect(other).rejects.toMatchObject({ code: 'PLACE_TAKEN' });
  });

  it('says what stands in the way, and goes on when it is gone and somebody asks', async () => {
    const { adapter } = await room.connections.adapterFor(ctx, remote);
    await adapter.create(CALL, name, new SecretValue('{"theirs":true}'));
    await add(remote);
    await reconcile();
    expect(await replication.listTargets(ctx, secret.id)).toMatchObject([
      {
        profile: 'remote',
        status: 'foreign',
        ownership: 'none',
        error: { code: 'TARGET_NOT_OURS', cause: expect.any(String), action: expect.any(String) },
      },
    ]);
    expect(await read(remote)).toBe('{"theirs":true}');
    await adapter.purge(CALL, name);
    await replication.sync(ctx, { id: secret.id, name }, 'remote');
    await reconcile();
    expect(await read(remote)).toBe(current());
  });

  it('repairs drift by itself where the profile says so', async () => {
    await add(remote);
    await reconcile();
    const { adapter } = await room.connections.adapterFor(ctx, remote);
    await adapter.put(CALL, name, new SecretValue('{"theirs":true}'));
    await clock.advance(VERIFY_INTERVAL_S * 1_000);
    await replication.verifyDue(ctx);
    await reconcile();
    expect(await rows()).toMatchObject([{ status: 'drifted', drift: { kind: 'content' } }]);
    await room.profiles.update(ctx, 'remote', { repair: 'auto' });
    await clock.advance(VERIFY_INTERVAL_S * 1_000);
    await replication.verifyDue(ctx);
    await reconcile();
    await room.profiles.update(ctx, 'remote', { repair: 'report' });
    expect(await rows()).toMatchObject([
      { status: 'in_sync', drift: null, overwritten: { fingerprint: 'fp:{"theirs":true}' } },
    ]);
    expect(await replication.listTargets(ctx, secret.id)).toMatchObject([{ overwrittenAt: clock.now().toISOString() }]);
    expect(await read(remote)).toBe(current());
  });

  it('rests while the profile is disabled, and goes on by itself once it is enabled', async () => {
    await add(remote);
    await room.profiles.update(ctx, 'remote', { isEnabled: false });
    await reconcile();
    expect(await rows()).toMatchObject([
      { status: 'paused', errorCode: 'VAULT_PROFILE_DISABLED', nextAttemptAt: null },
    ]);
    await room.profiles.update(ctx, 'remote', { isEnabled: true });
    wakeUps.length = 0;
    await replication.verifyDue(ctx);
    expect(wakeUps).toContainEqual({ secretId: secret.id, lane: 'retry' });
    await reconcile();
    expect(await read(remote)).toBe(current());
  });

  it('goes on by itself once the instance has other credentials', async () => {
    await add(remote);
    room.fake.wrap = (adapter) => injectFaults(adapter, () => ({ type: 'error-before', error: 'UNAUTHENTICATED' }));
    await room.instances.update(ctx, 'far', { credentials: new SecretValue<unknown>({ token: 'good-token' }) });
    await reconcile();
    expect(await rows()).toMatchObject([{ status: 'blocked', nextAttemptAt: null }]);
    room.fake.wrap = (adapter) => adapter;
    await room.instances.update(ctx, 'far', { credentials: new SecretValue<unknown>({ token: 'good-token' }) });
    await replication.verifyDue(ctx);
    await reconcile();
    expect(await rows()).toMatchObject([{ status: 'in_sync' }]);
  });

  it('removes the copies of a deleted secret, frees their places, and tells the secret once', async () => {
    await add(remote);
    await add(local);
    await reconcile();
    secret.state = 'deleting';
    await db.database.transaction(ctx, (tx) => ledger.desire(tx, secret.id, desiredOf(secret)));
    await reconcile();
    expect(secret.state).toBe('deleted');
    expect(await rows()).toEqual([]);
    await expect(read(remote)).rejects.toMatchObject({ code: 'VAULT_NOT_FOUND' });
    const places = await db.database.pool.query('select 1 from backend_place where secret_id = $1', [secret.id]);
    expect(places.rows).toEqual([]);
  });

  it('sees the last of two targets go when both end at the same moment', async () => {
    const removal = new TargetRemoval(db.database, targets, room.places, {
      ...source.port(async () => undefined),
      lock: async (tx, id) => {
        await db.database.manager(tx).query('select 1 from secret where id = $1 for update', [id]);
      },
    });
    await add(remote);
    await add(local);
    secret.state = 'deleting';
    await db.database.transaction(ctx, (tx) => ledger.desire(tx, secret.id, desiredOf(secret)));
    const now = clock.now();
    const claim = { owner: newId(), now, until: new Date(now.getTime() + 1_000), lateUntil: now };
    const claimed = await targets.claim(ctx, secret.id, claim);
    expect(await Promise.all(claimed.targets.map((target) => removal.end(ctx, target)))).toEqual([true, true]);
    expect(secret.state).toBe('deleted');
  });

  it('gives the lease back when something else is desired before the end', async () => {
    await add(remote);
    const now = clock.now();
    const claim = { owner: newId(), now, until: new Date(now.getTime() + 1_000), lateUntil: now };
    const {
      targets: [target],
    } = await targets.claim(ctx, secret.id, claim);
    await write();
    const removal = new TargetRemoval(
      db.database,
      targets,
      room.places,
      source.port(async () => undefined),
    );
    expect(await removal.end(ctx, target!)).toBe(false);
    expect(await rows()).toMatchObject([{ leaseOwner: null, status: 'pending' }]);
  });

  describe('sync', () => {
    it('asks for a look and a repair, wakes the workers, and is audited', async () => {
      await add(remote);
      await reconcile();
      wakeUps.length = 0;
      const view = await replication.sync(ctx, { id: secret.id, name }, 'remote');
      expect(view).toMatchObject({ profile: 'remote', status: 'pending' });
      expect(await rows()).toMatchObject([{ isLookDue: true, isRepairRequested: true }]);
      expect(wakeUps).toEqual([{ secretId: secret.id, lane: 'user' }]);
      expect(await audited('target.sync')).toBe(1);
    });

    it.each(['remote', 'nowhere'])('says when the secret is not replicated to %s', async (profile) => {
      const sync = replication.sync(ctx, { id: secret.id, name }, profile);
      await expect(sync).rejects.toMatchObject({ code: 'TARGET_NOT_FOUND' });
      expect(await audited('target.sync')).toBe(0);
    });

    it('is refused while everything is paused', async () => {
      await add(remote);
      await db.database.pool.query(`update database_epoch set system_identifier = 'another'`);
      const sync = replication.sync(ctx, { id: secret.id, name }, 'remote');
      await expect(sync).rejects.toMatchObject({ code: 'REPLICATION_PAUSED' });
      expect((await replication.summary(ctx)).isPaused).toBe(true);
      await replication.acceptRestoredDatabase(ctx);
      expect((await replication.summary(ctx)).isPaused).toBe(false);
    });
  });

  it('says at targets that were added meanwhile that everything is paused', async () => {
    await db.database.pool.query(`update database_epoch set system_identifier = 'another'`);
    await add(remote);
    await replication.sweep(ctx);
    expect(await rows()).toMatchObject([{ status: 'paused', errorCode: 'DATABASE_RESTORED' }]);
    await replication.acceptRestoredDatabase(ctx);
    expect(await rows()).toMatchObject([{ status: 'pending', isLookDue: true }]);
  });

  it('wakes workers for what was overlooked, and for nothing that has only just become due', async () => {
    await add(remote);
    wakeUps.length = 0;
    await replication.sweep(ctx);
    expect(wakeUps).not.toContainEqual({ secretId: secret.id, lane: 'retry' });
    await clock.advance(3_000);
    await replication.sweep(ctx);
    expect(wakeUps).toContainEqual({ secretId: secret.id, lane: 'retry' });
    wakeUps.length = 0;
    await reconcile();
    await clock.advance(3_000);
    await replication.sweep(ctx);
    expect(wakeUps.map(({ secretId }) => secretId)).not.toContain(secret.id);
  });

  it('sums up how many targets each profile has of each status', async () => {
    await db.database.pool.query('delete from sync_target');
    await add(remote);
    await add(local);
    await reconcile();
    await db.database.pool.query(`update sync_target set status = 'drifted' where profile_id = $1`, [remote]);
    expect(await replication.summary(ctx)).toMatchObject({
      isPaused: false,
      totals: { in_sync: 1, drifted: 1, blocked: 0 },
      profiles: expect.arrayContaining([
        { profile: 'remote', statuses: { drifted: 1 }, oldestDueAt: null },
        { profile: 'local', statuses: { in_sync: 1 }, oldestDueAt: null },
      ]),
    });
  });

  it.each([
    ['claviger/replication/summary', () => replication.summary(ctx)],
    ['claviger/replication/accept-restored-database', () => replication.acceptRestoredDatabase(ctx)],
  ])('needs the right to %s', async (path, act) => {
    denied.add(path);
    await expect((async () => act())()).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    denied.delete(path);
  });
});
