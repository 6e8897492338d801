import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, newId, SecretValue } from '@claviger/kernel';
import { createTestDatabase, pendingSchemaChanges, type TestDatabase } from '@claviger/testing';
import { createVaultRoom, someoneWaitsForALock, type VaultRoom } from '../../../testing/src/vault-room.js';
import { VAULT_PROFILE_ENTITIES, type VaultProfile } from './index.js';

describe('BackendPlaces', () => {
  let db: TestDatabase;
  let room: VaultRoom;
  let count = 0;

  beforeAll(async () => {
    db = await createTestDatabase(VAULT_PROFILE_ENTITIES);
    room = await createVaultRoom(db);
    // Two addresses of one server, one of them with a namespace.
    for (const [name, namespace] of [
      ['one', ''],
      ['other', 'team'],
    ] as const) {
      const address = `https://${name}.test`;
      room.fake.serve(address, 'the one server');
      const credentials = new SecretValue({ token: 'good-token' });
      await room.instances.create(room.ctx, { name, kind: 'fake', config: { address, namespace }, credentials });
    }
    await room.instances.create(room.ctx, { name: 'local', kind: 'builtin' });
  });
  afterAll(() => db.drop());

  const profile = (instance: string, mount: string, prefix = ''): Promise<VaultProfile> =>
    room.profiles.create(room.ctx, { name: `profile-${++count}`, instance, mount, prefix });
  const claim = (to: VaultProfile, physicalName: string, secretId: string): Promise<void> =>
    db.database.transaction(room.ctx, (tx) => room.places.claim(tx, { profileId: to.id, physicalName, secretId }));
  async function secret(source: VaultProfile, name: string, state = 'active'): Promise<string> {
    const id = newId();
    await db.database.pool.query(
      `insert into secret (store_id, id, name, type, state, source_profile_id, physical_name, created_by)
       values ($1, $2, $3, 'generic', $4, $5, $3, '{}')`,
      [room.ctx.storeId, id, name, state, source.id],
    );
    return id;
  }
  const setState = (id: string, state: string): Promise<unknown> =>
    db.database.pool.query('update secret set state = $2 where id = $1', [id, state]);
  const refusal = async (attempt: Promise<unknown>): Promise<AppError> => {
    const error: unknown = await attempt.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof AppError) return error;
    throw new Error('expected an AppError');
  };

  it('gives a place to the first, again to the same, and to nobody else', async () => {
    const mine = await profile('one', 'shared');
    const [first, second] = [await secret(mine, 'first'), await secret(mine, 'second')];
    await claim(mine, 'a', first);
    await claim(mine, 'a', first);
    const error = await refusal(claim(mine, 'a', second));
    expect(error).toMatchObject({
      code: 'PLACE_TAKEN',
      kind: 'conflict',
      retryable: false,
      details: { secret: 'first', profile: mine.name, isBeingEmptied: false },
    });
    expect(error.message).toContain(`the secret first (profile ${mine.name})`);
  });

  it('tells two instances, mounts and prefixes that reach one object so, by name', async () => {
    const plain = await profile('one', 'team/kv');
    const namespaced = await profile('other', 'kv', 'a');
    const owner = await secret(plain, 'owner');
    await claim(plain, 'a/b', owner);
    const error = await refusal(claim(namespaced, 'a/b', await secret(namespaced, 'late')));
    expect(error).toMatchObject({ code: 'PLACE_TAKEN', details: { secret: 'owner', profile: plain.name } });
    await claim(namespaced, 'a/c', owner);
  });

  it('refuses a secret its own place through another profile', async () => {
    const [one, other] = [await profile('one', 'twice'), await profile('one', 'twice')];
    const id = await secret(one, 'both');
    await claim(one, 'x', id);
    const error = await refusal(claim(other, 'x', id));
    expect(error).toMatchObject({ code: 'PLACE_TAKEN', details: { secret: 'both', profile: one.name } });
  });

  it('lets exactly one of many at once have it', async () => {
    const contested = await profile('one', 'race');
    const ids = await Promise.all(['r1', 'r2', 'r3', 'r4'].map((name) => secret(contested, name)));
    const results = await Promise.allSettled(ids.map((id) => claim(contested, 'x', id)));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  it('leaves no claim of a transaction that is rolled back', async () => {
    const mine = await profile('local', 'rolled-back');
    const id = await secret(mine, 'never');
    const attempt = db.database.transaction(room.ctx, async (tx) => {
      await room.places.claim(tx, { profileId: mine.id, physicalName: 'x', secretId: id });
      throw new Error('roll back');
    });
    await expect(attempt).rejects.toThrow('roll back');
    await claim(mine, 'x', await secret(mine, 'next'));
  });

  it('keeps the place of a secret that is being deleted, says so, and gives it away once forgotten', async () => {
    const mine = await profile('one', 'deleting');
    const [dying, heir] = [await secret(mine, 'dying'), await secret(mine, 'heir')];
    await claim(mine, 'x', dying);
    await setState(dying, 'deleting');
    expect(await refusal(claim(mine, 'x', heir))).toMatchObject({
      code: 'PLACE_TAKEN',
      retryable: true,
      details: { secret: 'dying', isBeingEmptied: true },
    });
    await room.places.forget(room.ctx, { secretId: dying, profileId: newId() });
    expect(await refusal(claim(mine, 'x', heir))).toMatchObject({ code: 'PLACE_TAKEN' });
    await room.places.forget(room.ctx, { secretId: dying });
    await claim(mine, 'x', heir);
  });

  it('names nothing of another store', async () => {
    const mine = await profile('one', 'foreign');
    await claim(mine, 'x', await secret(mine, 'ours'));
    const storeId = newId();
    await db.database.pool.query('insert into store (id, name) values ($1, $2)', [storeId, 'other']);
    await db.database.pool
      .query(`update backend_place set store_id = $1 where physical_name = 'foreign/x'`, [storeId])
      .catch(() => undefined);
    await db.database.pool.query(
      `insert into vault_instance (store_id, id, name, kind, config, credentials)
       select $1, id, name, kind, config, credentials from vault_instance where id = $2`,
      [storeId, mine.instanceId],
    );
    await db.database.pool.query(
      `insert into vault_profile (store_id, id, name, instance_id, mount)
       select $1, id, name, instance_id, mount from vault_profile where id = $2`,
      [storeId, mine.id],
    );
    await db.database.pool.query('update backend_place set store_id = $1 where profile_id = $2', [storeId, mine.id]);
    const error = await refusal(claim(mine, 'x', await secret(mine, 'late')));
    expect(error).toMatchObject({ code: 'PLACE_TAKEN', details: { isBeingEmptied: false } });
    expect(error.message).toContain('belongs to another secret store');
    expect(JSON.stringify([error.message, error.details])).not.toContain(mine.name);
  });

  it('has tables that are as its entities say', async () => {
    const changes = await pendingSchemaChanges(db.dataSource);
    // The table of stores has no entity that a foreign key could be declared to.
    expect(changes.filter((statement) => !statement.includes('fk_vault_instance_store'))).toEqual([]);
  });

  it('refuses through a profile that was moved after it was looked up', async () => {
    const mine = await profile('one', 'before');
    const id = await secret(mine, 'x', 'deleted');
    await room.connections.locate(room.ctx, mine.id, 'x');
    await db.database.pool.query(`update vault_profile set mount = 'after' where id = $1`, [mine.id]);
    expect(await refusal(claim(mine, 'x', id))).toMatchObject({ code: 'VAULT_PROFILE_MOVED', retryable: true });
  });

  it('waits for a profile that is being moved, and is then refused through it', async () => {
    const mine = await profile('one', 'moving');
    const id = await secret(mine, 'y', 'deleted');
    const mover = await db.database.pool.connect();
    try {
      await mover.query('begin');
      await mover.query(`update vault_profile set mount = 'moved' where id = $1`, [mine.id]);
      const claimed = refusal(claim(mine, 'y', id));
      await someoneWaitsForALock(db);
      await mover.query('commit');
      expect(await claimed).toMatchObject({ code: 'VAULT_PROFILE_MOVED' });
    } finally {
      mover.release();
    }
  });

  it('does not ask the server while it is known, so that a sealed vault stops no claim', async () => {
    const mine = await profile('one', 'sealed');
    const server = room.fake.servers.get('https://one.test')!;
    room.fake.servers.delete('https://one.test');
    await expect(claim(mine, 'x', await secret(mine, 'offline'))).resolves.toBeUndefined();
    room.fake.servers.set('https://one.test', server);
  });
});
