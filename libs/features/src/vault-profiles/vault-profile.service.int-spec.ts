import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, newId, SecretValue } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { inspect } from 'node:util';
import { createVaultRoom, someoneWaitsForALock, type VaultRoom } from '../../../testing/src/vault-room.js';
import { VAULT_PROFILE_ENTITIES, type VaultInstance, type VaultProfile } from './index.js';
import type { NewVaultProfile } from './vault-profile.schema.js';

describe('VaultProfileService', () => {
  let db: TestDatabase;
  let room: VaultRoom;
  let local: VaultInstance;
  let remote: VaultInstance;
  let count = 0;

  beforeAll(async () => {
    db = await createTestDatabase(VAULT_PROFILE_ENTITIES);
    room = await createVaultRoom(db);
    local = await room.instances.create(room.ctx, { name: 'local', kind: 'builtin' });
    remote = await registerRemote('remote');
  });
  afterAll(() => db.drop());

  function registerRemote(name: string): Promise<VaultInstance> {
    const address = `https://${name}.test`;
    room.fake.serve(address);
    const credentials = new SecretValue({ token: 'good-token' });
    return room.instances.create(room.ctx, { name, kind: 'fake', config: { address }, credentials });
  }
  const input = (changes: Partial<NewVaultProfile> = {}): NewVaultProfile => ({
    name: `profile-${++count}`,
    instance: 'local',
    mount: 'secret',
    ...changes,
  });
  const create = (changes: Partial<NewVaultProfile> = {}): Promise<VaultProfile> =>
    room.profiles.create(room.ctx, input(changes));
  const refusal = async (attempt: Promise<unknown>): Promise<AppError> => {
    const error: unknown = await attempt.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof AppError) return error;
    throw new Error(`expected an AppError, got ${inspect(error)}`);
  };

  /** A secret's row, as the secrets room writes it. */
  async function addSecret(profile: VaultProfile, name: string, state = 'active'): Promise<string> {
    const id = newId();
    await db.database.pool.query(
      `insert into secret (store_id, id, name, type, state, source_profile_id, physical_name, created_by)
       values ($1, $2, $3, 'generic', $4, $5, $3, '{}')`,
      [room.ctx.storeId, id, name, state, profile.id],
    );
    return id;
  }
  async function addTarget(profile: VaultProfile, secretId: string): Promise<void> {
    await db.database.pool.query(
      `insert into sync_target (store_id, secret_id, profile_id, physical_name, desired_version, desired_fingerprint,
         desired_presence, verified_epoch)
       values ($1, $2, $3, 'x', 1, 'f', 'present', 'e')`,
      [room.ctx.storeId, secretId, profile.id],
    );
  }

  describe('create', () => {
    it('saves with defaults', async () => {
      const given = input();
      const created = await room.profiles.create(room.ctx, given);
      expect(created).toMatchObject({
        name: given.name,
        description: '',
        instanceId: local.id,
        instanceName: 'local',
        mount: 'secret',
        prefix: '',
        flavour: 'auto',
        nameTemplate: '{name}',
        defaultOwner: null,
        defaultLabels: {},
        limits: {},
        repair: 'report',
        isEnabled: true,
        revision: 1,
      });
      expect(await room.profiles.show(room.ctx, given.name)).toEqual(created);
      expect(await room.profiles.show(room.ctx, created.id)).toEqual(created);
      expect(await room.profiles.get(room.ctx, created.id)).toEqual(created);
      const { rows } = await db.database.pool.query('select * from audit_entry where resource_id = $1', [created.id]);
      expect(rows).toMatchObject([
        { action: 'vault-profile.create', resource_name: given.name, details: { instance: 'local' } },
      ]);
    });

    it('saves what is given', async () => {
      const given = input({
        description: 'x',
        instance: remote.id,
        mount: 'kv',
        prefix: 'team/a',
        flavour: 'two',
        nameTemplate: '{type}/{name}',
        defaultOwner: 'payments',
        defaultLabels: { team: 'payments' },
        limits: { maxContentBytes: 100 },
        repair: 'auto',
        isEnabled: false,
      });
      const { instance: _, ...columns } = given;
      expect(await room.profiles.create(room.ctx, given)).toMatchObject({ ...columns, instanceName: 'remote' });
    });

    it('checks the mount, prefix and flavour live, and saves nothing when that fails', async () => {
      const given = input({ instance: 'remote', mount: 'kv', prefix: 'p', flavour: 'one' });
      const server = room.fake.servers.get('https://remote.test')!;
      server.status = 'no_permission';
      const error = await refusal(room.profiles.create(room.ctx, given));
      server.status = 'ready';
      expect(error).toMatchObject({
        code: 'VAULT_CHECK_FAILED',
        kind: 'invalid',
        details: { status: 'no_permission' },
      });
      expect(room.fake.checked.at(-1)).toEqual({ mount: 'kv', prefix: 'p', flavour: 'one' });
      expect(await room.profiles.find(room.ctx, given.name)).toBeUndefined();
    });

    it('refuses a name that is taken', async () => {
      const { name } = await create();
      await expect(create({ name })).rejects.toMatchObject({ code: 'VAULT_PROFILE_EXISTS', details: { name } });
    });

    it('refuses an instance that is being removed at the same time', async () => {
      const instance = await registerRemote('vanishing');
      const remover = await db.database.pool.connect();
      try {
        await remover.query('begin');
        const remove = 'update vault_instance set deleted_at = now(), credentials = null where id = $1';
        await remover.query(remove, [instance.id]);
        const created = refusal(create({ instance: 'vanishing' }));
        await someoneWaitsForALock(db);
        await remover.query('commit');
        expect(await created).toMatchObject({ code: 'VAULT_INSTANCE_NOT_FOUND' });
      } finally {
        remover.release();
      }
    });

    it('refuses an instance that there is not', async () => {
      await expect(create({ instance: 'nowhere' })).rejects.toMatchObject({ code: 'VAULT_INSTANCE_NOT_FOUND' });
    });

    it.each([
      [{ name: 'sys' }, '#/name'],
      [{ name: 'claviger' }, '#/name'],
      [{ name: 'a/b' }, '#/name'],
      [{ mount: '' }, '#/mount'],
      [{ mount: 'a/../b' }, '#/mount'],
      [{ mount: '%2e%2e/x' }, '#/mount'],
      [{ prefix: 'a//b' }, '#/prefix'],
      [{ prefix: 'a\n' }, '#/prefix'],
      [{ flavour: 'three', instance: 'remote' }, '#/flavour'],
      [{ flavour: 'one' }, '#/flavour'],
      [{ nameTemplate: 'static' }, '#/nameTemplate'],
      [{ nameTemplate: '../{name}' }, '#/nameTemplate'],
      [{ defaultLabels: { 'bad key': 'x' } }, '#/defaultLabels/bad key'],
      [{ limits: { maxContentBytes: 0 } }, '#/limits/maxContentBytes'],
      [{ repair: 'sometimes' as never }, '#/repair'],
    ] as readonly (readonly [Partial<NewVaultProfile>, string])[])(
      'points to what is wrong in %j',
      async (changes, pointer) => {
        const error = await refusal(create(changes));
        expect(error.code).toBe('INPUT_INVALID');
        expect(error.details).toMatchObject({ errors: expect.arrayContaining([expect.objectContaining({ pointer })]) });
      },
    );
  });

  describe('what other features look up', () => {
    it('is up to date in this process as soon as a change has committed', async () => {
      const profile = await create();
      expect(await room.profiles.find(room.ctx, profile.name)).toMatchObject({ isEnabled: true });
      await room.profiles.update(room.ctx, profile.name, { isEnabled: false });
      expect(await room.profiles.find(room.ctx, profile.id)).toMatchObject({ isEnabled: false, revision: 2 });
      await room.profiles.remove(room.ctx, profile.name);
      expect(await room.profiles.find(room.ctx, profile.name)).toBeUndefined();
      await expect(room.profiles.get(room.ctx, profile.id)).rejects.toMatchObject({ code: 'VAULT_PROFILE_NOT_FOUND' });
      expect((await room.profiles.names(room.ctx)).get(profile.id)).toBe(profile.name);
    });

    it('finds at once what another process has created', async () => {
      const other = await room.secondProcess();
      await other.profiles.names(other.ctx);
      const profile = await create();
      expect(await other.profiles.get(other.ctx, profile.id)).toEqual(profile);
    });

    it('tells which profiles are remote', async () => {
      const [here, there] = [await create(), await create({ instance: 'remote' })];
      expect(await room.profiles.isRemote(room.ctx, here.id)).toBe(false);
      expect(await room.profiles.isRemote(room.ctx, there.id)).toBe(true);
    });

    it('does not take a connection of its own inside a transaction', async () => {
      const profile = await create();
      const held = await Promise.all(Array.from({ length: 11 }, () => db.database.pool.connect()));
      try {
        await db.database.transaction(room.ctx, async (tx) => {
          expect(await room.profiles.get(tx, profile.id)).toEqual(profile);
        });
      } finally {
        for (const client of held) client.release();
      }
    });
  });

  describe('update', () => {
    it('changes what is given and keeps the rest', async () => {
      const profile = await create({ defaultOwner: 'a', defaultLabels: { a: '1' } });
      const changes = { defaultLabels: { b: '2' }, repair: 'auto' } as const;
      const updated = await room.profiles.update(room.ctx, profile.id, changes, { expectedRevision: 1 });
      expect(updated).toMatchObject({ ...changes, defaultOwner: 'a', mount: 'secret', revision: 2 });
      expect(await room.profiles.update(room.ctx, profile.id, { defaultOwner: null })).toMatchObject({
        defaultOwner: null,
      });
      const stale = room.profiles.update(room.ctx, profile.id, changes, { expectedRevision: 1 });
      await expect(stale).rejects.toMatchObject({ code: 'STALE_MATCH', details: { current: 3 } });
    });

    it('refuses to rename', async () => {
      const { name } = await create();
      const renamed = room.profiles.update(room.ctx, name, { name: 'other' } as never);
      await expect(renamed).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    });

    it('moves a profile that nothing uses, after checking the new place', async () => {
      const profile = await create();
      const moved = await room.profiles.update(room.ctx, profile.id, {
        instance: 'remote',
        mount: 'kv',
        prefix: 'p',
        flavour: 'one',
      });
      expect(moved).toMatchObject({ instanceName: 'remote', mount: 'kv', prefix: 'p', flavour: 'one' });
      expect(room.fake.checked.at(-1)).toEqual({ mount: 'kv', prefix: 'p', flavour: 'one' });
    });

    it.each([{ mount: 'm2' }, { prefix: 'p2' }, { flavour: 'two' }, { instance: 'local', flavour: 'auto' }])(
      'refuses %j while secrets lie there, counting and naming them',
      async (changes) => {
        const profile = await create({ instance: 'remote', flavour: 'one' });
        for (const name of ['f', 'e', 'd', 'c', 'b', 'a']) await addSecret(profile, name);
        await addSecret(profile, 'gone', 'deleted');
        const error = await refusal(room.profiles.update(room.ctx, profile.id, changes));
        expect(error).toMatchObject({
          code: 'VAULT_PROFILE_IN_USE',
          kind: 'conflict',
          details: { uses: [{ role: 'source', count: 6, names: ['a', 'b', 'c', 'd', 'e'] }] },
        });
        expect(error.message).toContain('the source of a, b, c, d, e and 1 more');
        expect(await room.profiles.update(room.ctx, profile.id, { isEnabled: false })).toMatchObject({
          mount: 'secret',
        });
      },
    );
  });

  describe('remove', () => {
    it('names secrets that have it as source, as target, and those that still hold a place', async () => {
      const [profile, other] = [await create(), await create()];
      await addTarget(profile, await addSecret(other, 'replicated'));
      const sourced = await addSecret(profile, 'sourced');
      await room.places.claim(room.ctx, { profileId: profile.id, physicalName: 'sourced', secretId: sourced });
      const dying = await addSecret(other, 'dying', 'deleted');
      await room.places.claim(room.ctx, { profileId: profile.id, physicalName: 'dying', secretId: dying });
      const error = await refusal(room.profiles.remove(room.ctx, profile.name));
      expect(error).toMatchObject({
        code: 'VAULT_PROFILE_IN_USE',
        details: {
          uses: [
            { role: 'source', count: 1, names: ['sourced'] },
            { role: 'target', count: 1, names: ['replicated'] },
            { role: 'place', count: 1, names: ['dying'] },
          ],
        },
      });
      expect(error.message).toContain(
        'cannot be removed: it is the source of sourced; a target of replicated; the place of dying',
      );
    });

    it('leaves the history of deleted secrets, and frees the name', async () => {
      const profile = await create();
      await addSecret(profile, 'gone', 'deleted');
      await room.profiles.remove(room.ctx, profile.id, { expectedRevision: 1 });
      const again = await create({ name: profile.name });
      expect(again.id).not.toBe(profile.id);
    });

    it('and the creation of a secret exclude each other', async () => {
      const profile = await create();
      let removed: Promise<unknown> | undefined;
      await db.database.transaction(room.ctx, async (tx) => {
        await room.places.claim(tx, { profileId: profile.id, physicalName: 'late', secretId: newId() });
        removed = refusal(room.profiles.remove(room.ctx, profile.id));
      });
      expect(await removed).toMatchObject({ code: 'VAULT_PROFILE_IN_USE' });
    });
  });

  it('lists by instance, state and prefix, in pages', async () => {
    const instance = await registerRemote('listed');
    for (const name of ['l-b', 'l-a', 'm-a']) await create({ name, instance: 'listed', isEnabled: name !== 'l-a' });
    const names = async (filter: object): Promise<string[]> => {
      const query = { limit: 10, sort: 'name', descending: false, instanceId: instance.id, ...filter } as const;
      return (await room.profiles.list(room.ctx, query)).map((profile) => profile.name);
    };
    expect(await names({})).toEqual(['l-a', 'l-b', 'm-a']);
    expect(await names({ namePrefix: 'l-', descending: true })).toEqual(['l-b', 'l-a']);
    expect(await names({ isEnabled: true })).toEqual(['l-b', 'm-a']);
    expect(await names({ limit: 1 })).toEqual(['l-a']);
  });

  it('checks the mount of a profile live', async () => {
    const profile = await create();
    expect(await room.profiles.check(room.ctx, profile.name)).toMatchObject({
      status: 'ready',
      capabilities: { maxVersions: 10 },
    });
    const there = await create({ instance: 'remote', mount: 'kv' });
    room.fake.servers.get('https://remote.test')!.status = 'sealed';
    expect(await room.profiles.check(room.ctx, there.name)).toMatchObject({ status: 'sealed' });
    room.fake.servers.get('https://remote.test')!.status = 'ready';
  });

  it('asks whether the caller may, also for the instance', async () => {
    const { name } = await create();
    const other = await room.secondProcess();
    other.denied
      .add(`claviger/vault-profiles/${name}`)
      .add('claviger/vault-profiles/')
      .add('claviger/vault-instances/remote');
    const denied = { code: 'ACCESS_DENIED' };
    await expect(other.profiles.show(other.ctx, name)).rejects.toMatchObject(denied);
    await expect(other.profiles.update(other.ctx, name, {})).rejects.toMatchObject(denied);
    await expect(other.profiles.remove(other.ctx, name)).rejects.toMatchObject(denied);
    await expect(other.profiles.check(other.ctx, name)).rejects.toMatchObject(denied);
    await expect(async () =>
      other.profiles.list(other.ctx, { limit: 1, sort: 'name', descending: false }),
    ).rejects.toMatchObject(denied);
    await expect(other.profiles.create(other.ctx, input({ instance: 'remote' }))).rejects.toMatchObject(denied);
    const byId = other.profiles.create(other.ctx, input({ instance: remote.id }));
    await expect(byId).rejects.toMatchObject({ code: 'VAULT_INSTANCE_NOT_FOUND' });
  });
});
