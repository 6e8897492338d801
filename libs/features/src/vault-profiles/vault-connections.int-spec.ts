import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, SecretValue } from '@claviger/kernel';
import { createTestDatabase, injectFaults, type TestDatabase } from '@claviger/testing';
import type { AdapterCall, VaultAdapter } from '@claviger/vaults/contract';
import { intercept } from '@claviger/vaults/wrappers';
import { createVaultRoom, type FakeServer, type VaultRoom } from '../../../testing/src/vault-room.js';
import { VAULT_PROFILE_ENTITIES, type VaultInstance, type VaultProfile } from './index.js';

const call = (): AdapterCall => ({ requestId: newId(), signal: new AbortController().signal });
const content = new SecretValue('{"a":"1"}');
const TOKEN = new SecretValue({ token: 'good-token' });

describe('VaultConnections', () => {
  let db: TestDatabase;
  let room: VaultRoom;
  let count = 0;

  beforeAll(async () => {
    db = await createTestDatabase(VAULT_PROFILE_ENTITIES);
    room = await createVaultRoom(db);
  });
  afterEach(() => {
    room.fake.wrap = (adapter) => adapter;
  });
  afterAll(() => db.drop());

  /** A profile on an instance and server of its own. */
  async function remote(
    options: { check?: boolean } = {},
  ): Promise<{ instance: VaultInstance; profile: VaultProfile; server: FakeServer }> {
    const name = `remote-${++count}`;
    const address = `https://${name}.test`;
    const server = room.fake.serve(address);
    const input = { name, kind: 'fake', config: { address }, credentials: TOKEN };
    const instance = await room.instances.create(room.ctx, input, options);
    const profile = await room.profiles.create(room.ctx, { name, instance: name, mount: 'kv' }, options);
    return { instance, profile, server };
  }
  const connectionsOf = (instance: VaultInstance): { isClosed: boolean; token: string }[] =>
    room.fake.connections.filter(({ address }) => address === instance.config['address']);

  it('opens the built-in vault, which takes part in transactions', async () => {
    await room.instances.create(room.ctx, { name: 'local', kind: 'builtin' });
    const profile = await room.profiles.create(room.ctx, { name: 'local', instance: 'local', mount: 'm' });
    const attempt = db.database.transaction(room.ctx, async (tx) => {
      const vault = await room.connections.adapterFor(tx, profile.id);
      expect(vault).toMatchObject({
        isRemote: false,
        serverIdentity: `builtin:${room.ctx.storeId}`,
        capabilities: { maxVersions: 10 },
      });
      await vault.adapter.create({ ...call(), transaction: tx.transaction! }, 'undone', content);
      throw new Error('roll back');
    });
    await expect(attempt).rejects.toThrow('roll back');
    const { adapter } = await room.connections.adapterFor(room.ctx, profile.id);
    await expect(adapter.read(call(), 'undone')).rejects.toMatchObject({ vaultCode: 'NOT_FOUND' });
  });

  it('keeps one connection per instance, for all its profiles', async () => {
    const { instance, profile } = await remote();
    const second = await room.profiles.create(room.ctx, {
      name: `${profile.name}-b`,
      instance: instance.id,
      mount: 'other',
    });
    const before = connectionsOf(instance).length;
    for (const id of [profile.id, second.id, profile.id]) {
      const vault = await room.connections.adapterFor(room.ctx, id);
      expect(vault).toMatchObject({ isRemote: true, instance: { id: instance.id }, profile: { id } });
      await vault.adapter.put(call(), 'a', content);
    }
    const all = await Promise.all([1, 2, 3].map(() => room.connections.adapterFor(room.ctx, profile.id)));
    expect(new Set(all.map((vault) => vault.adapter)).size).toBe(1);
    expect(connectionsOf(instance).length).toBe(before);
    expect(connectionsOf(instance).filter(({ isClosed }) => !isClosed)).toHaveLength(1);
  });

  it('makes a new one with the new credentials when the instance has changed, and closes the old one', async () => {
    const { instance, profile, server } = await remote();
    const old = await room.connections.adapterFor(room.ctx, profile.id);
    server.token = 'new-token';
    await room.instances.update(room.ctx, instance.id, { credentials: new SecretValue({ token: 'new-token' }) });
    const { adapter } = await room.connections.adapterFor(room.ctx, profile.id);
    await adapter.put(call(), 'a', content);
    const open = connectionsOf(instance).filter(({ isClosed }) => !isClosed);
    expect(open).toMatchObject([{ token: 'new-token' }]);
    await expect(old.adapter.read(call(), 'a')).rejects.toMatchObject({ vaultCode: 'UNAVAILABLE', retryable: true });
  });

  it('closes the old one also when only the instance is asked for', async () => {
    const { instance, profile } = await remote();
    await room.connections.adapterFor(room.ctx, profile.id);
    await room.instances.update(room.ctx, instance.id, { description: 'changed' });
    await room.instances.check(room.ctx, instance.id);
    await new Promise(setImmediate);
    expect(connectionsOf(instance).filter(({ isClosed }) => !isClosed)).toHaveLength(1);
  });

  it('closes the connection of an instance that was removed', async () => {
    const { instance, profile } = await remote();
    await room.connections.adapterFor(room.ctx, profile.id);
    await room.profiles.remove(room.ctx, profile.id);
    await room.instances.remove(room.ctx, instance.id);
    await room.profiles.names(room.ctx);
    await new Promise(setImmediate);
    expect(connectionsOf(instance).filter(({ isClosed }) => !isClosed)).toEqual([]);
  });

  it('closes the old one only after its calls have ended', async () => {
    const { instance, profile } = await remote();
    let finish: () => void = () => undefined;
    const isHeld = new Promise<void>((resolve) => (finish = resolve));
    room.fake.wrap = (adapter: VaultAdapter) =>
      intercept(adapter, async ({ operation, run }) => {
        if (operation === 'put') await isHeld;
        return run();
      });
    await room.instances.update(room.ctx, instance.id, { limits: { requestsPerSecond: 1000 } });
    const { adapter } = await room.connections.adapterFor(room.ctx, profile.id);
    const [held] = connectionsOf(instance).filter(({ isClosed }) => !isClosed);
    const write = adapter.put(call(), 'a', content);
    await room.instances.update(room.ctx, instance.id, { description: 'changed' });
    await room.connections.adapterFor(room.ctx, profile.id);
    expect(held!.isClosed).toBe(false);
    finish();
    await write;
    await new Promise(setImmediate);
    expect(held!.isClosed).toBe(true);
  });

  it('follows what another process changed', async () => {
    const { instance, profile } = await remote();
    const other = await room.secondProcess();
    await other.connections.adapterFor(other.ctx, profile.id);
    await room.instances.update(room.ctx, instance.id, { config: { timeoutMs: 7 } });
    const deadline = Date.now() + 10_000;
    let seen: unknown;
    while (seen !== 7 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      seen = (await other.connections.adapterFor(other.ctx, profile.id)).instance.config['timeoutMs'];
    }
    expect(seen).toBe(7);
    await other.connections.onApplicationShutdown();
  });

  it('repeats what failed for a moment at a remote vault', async () => {
    const { instance, profile, server } = await remote();
    await server.mount('kv').create(call(), 'a', content);
    room.fake.wrap = (adapter) =>
      injectFaults(adapter, (operation, index) =>
        operation === 'read' && index < 2 ? { type: 'error-before', error: 'UNAVAILABLE' } : undefined,
      );
    await room.instances.update(room.ctx, instance.id, { description: 'connected anew' });
    const { adapter } = await room.connections.adapterFor(room.ctx, profile.id);
    expect((await adapter.read(call(), 'a')).content.reveal()).toBe('{"a":"1"}');
  });

  it('limits the calls of a credential over all its instances', async () => {
    const token = 'limited-token';
    const profiles: VaultProfile[] = [];
    for (const { instance, profile, server } of [await remote(), await remote()]) {
      server.token = token;
      const changes = { credentials: new SecretValue({ token }), limits: { requestsPerSecond: 1 } };
      await room.instances.update(room.ctx, instance.id, changes);
      profiles.push(profile);
    }
    const vaults = await Promise.all(profiles.map((profile) => room.connections.adapterFor(room.ctx, profile.id)));
    const caller = new AbortController();
    const calls = Array.from({ length: 13 }, (_, i) =>
      vaults[i % 2]!.adapter.put({ requestId: newId(), signal: caller.signal }, 'a', content),
    );
    const refused = await Promise.race(
      calls.map((one) =>
        one.then(
          () => new Promise(() => undefined),
          (error: unknown) => error,
        ),
      ),
    );
    expect(refused).toMatchObject({ vaultCode: 'THROTTLED' });
    caller.abort();
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled').length).toBeLessThanOrEqual(2);
  });

  it('asks a mount once what it can do, and again after a check', async () => {
    const { instance, profile } = await remote();
    let asked = 0;
    room.fake.wrap = (adapter) =>
      intercept(adapter, ({ operation, run }) => {
        if (operation === 'capabilities') asked += 1;
        return run();
      });
    await room.instances.update(room.ctx, instance.id, { description: 'connected anew' });
    for (let i = 0; i < 3; i++) await room.connections.adapterFor(room.ctx, profile.id);
    expect(asked).toBe(1);
    await room.profiles.check(room.ctx, profile.id);
    await room.connections.adapterFor(room.ctx, profile.id);
    expect(asked).toBe(2);
  });

  it('closes all connections at shutdown', async () => {
    const other = await room.secondProcess();
    const { instance, profile } = await remote();
    const before = connectionsOf(instance).length;
    await other.connections.adapterFor(other.ctx, profile.id);
    await other.connections.onApplicationShutdown();
    expect(connectionsOf(instance).slice(before)).toMatchObject([{ isClosed: true }]);
  });

  it('knows no removed profile', async () => {
    const { instance, profile } = await remote();
    await room.profiles.remove(room.ctx, profile.id);
    await room.instances.remove(room.ctx, instance.id);
    await expect(room.connections.adapterFor(room.ctx, profile.id)).rejects.toMatchObject({
      code: 'VAULT_PROFILE_NOT_FOUND',
    });
  });

  describe('the identity of the server', () => {
    it('is asked for once where no check has told it, and remembered', async () => {
      const { instance, profile, server } = await remote({ check: false });
      const before = room.fake.identityCalls;
      for (let i = 0; i < 3; i++)
        expect(await room.connections.adapterFor(room.ctx, profile.id)).toMatchObject({
          serverIdentity: server.identity,
        });
      expect(room.fake.identityCalls).toBe(before + 1);
      expect(await room.instances.get(room.ctx, instance.id)).toMatchObject({
        serverIdentity: server.identity,
        revision: 1,
      });
    });

    it('is an error of the vault while it is not reached', async () => {
      const { instance, profile, server } = await remote({ check: false });
      room.fake.servers.delete(String(instance.config['address']));
      await expect(room.connections.adapterFor(room.ctx, profile.id)).rejects.toMatchObject({
        vaultCode: 'UNAVAILABLE',
      });
      room.fake.servers.set(String(instance.config['address']), server);
      expect(await room.connections.adapterFor(room.ctx, profile.id)).toMatchObject({
        serverIdentity: server.identity,
      });
    });

    it('may not become that of another server while secrets lie at the first', async () => {
      const { instance, profile } = await remote();
      await room.places.claim(room.ctx, { profileId: profile.id, physicalName: 'a', secretId: newId() });
      const { server: elsewhere, instance: other } = await remote();
      const changes = { config: { address: String(other.config['address']) }, credentials: TOKEN };
      const refused = { code: 'VAULT_SERVER_CHANGED', kind: 'conflict', details: { profiles: [profile.name] } };
      await expect(room.instances.update(room.ctx, instance.id, changes)).rejects.toMatchObject(refused);
      await room.instances.update(room.ctx, instance.id, changes, { check: false });
      await expect(room.connections.adapterFor(room.ctx, profile.id)).rejects.toMatchObject(refused);
      expect(await room.instances.check(room.ctx, instance.id)).toMatchObject({ status: 'misconfigured' });
      elsewhere.identity = String(`server of ${String(instance.config['address'])}`);
      expect(await room.instances.check(room.ctx, instance.id)).toMatchObject({ status: 'ready' });
      expect(await room.connections.adapterFor(room.ctx, profile.id)).toMatchObject({
        serverIdentity: elsewhere.identity,
      });
    });
  });
});
