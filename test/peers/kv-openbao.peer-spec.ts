import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startOpenBao } from '@claviger/testing';
import { connectKv, kvCall, useHostileEnvironment } from './kv-connect.js';
import { startDurableBao, until } from './kv-durable-bao.js';
import { content, KvScene, mount, put, read } from './kv-scene.js';

useHostileEnvironment();

let scene: KvScene;
beforeAll(async () => {
  scene = await KvScene.start();
}, 60_000);
afterEach(() => scene.closeOpened());
afterAll(() => scene.close());

describe('kv on a real OpenBao', () => {
  it('namespaces: keeps the same mount and name in two namespaces apart, with a login in each', async () => {
    for (const namespace of ['red', 'blue']) {
      await scene.bao.must({ method: 'POST', path: `sys/namespaces/${namespace}`, body: {} });
      const headers = { 'X-Vault-Namespace': namespace };
      const must = (path: string, body: object) => scene.bao.must({ method: 'POST', path, body, headers });
      await must('sys/mounts/kv', { type: 'kv', options: { version: '2' } });
      await must('sys/auth/userpass', { type: 'userpass' });
      await must('sys/policies/acl/app', {
        policy: 'path "kv/*" { capabilities = ["create", "read", "update", "list"] }',
      });
      await must('auth/userpass/users/ann', { password: `pw-${namespace}`, token_policies: ['app'] });
      await until(async () => (await scene.bao.call({ path: 'kv/config', headers })).status === 200);
    }
    const inside = (namespace: string) =>
      scene.connect({ type: 'userpass', username: 'ann', password: `pw-${namespace}` }, { namespace });
    const [red, blue, all] = [inside('red'), inside('blue'), scene.connect(scene.root)];
    await red.open(mount).create(kvCall(), 'a/b', content('{"in":"red"}'), { marker: 'red' });
    await blue.open(mount).create(kvCall(), 'a/b', content('{"in":"blue"}'), { marker: 'blue' });
    expect(await read(red.open(mount), 'a/b')).toBe('{"in":"red"}');
    expect(await read(blue.open(mount), 'a/b')).toBe('{"in":"blue"}');
    expect((await blue.open(mount).describe(kvCall(), 'a/b')).metadata).toEqual({ marker: 'blue' });
    await expect(read(all.open(mount), 'a/b')).rejects.toMatchObject({ vaultCode: 'NOT_FOUND' });
    // One server, told as one, and the same object by two ways as one place.
    expect(await red.serverIdentity(kvCall())).toBe(await all.serverIdentity(kvCall()));
    expect(await read(all.open({ mount: 'red/kv', flavour: 'auto' }), 'a/b')).toBe('{"in":"red"}');
    expect(all.canonicalPlace('red/kv', 'a/b')).toBe(red.canonicalPlace('kv', 'a/b'));
    expect(red.canonicalPlace('kv', 'a/b')).not.toBe(blue.canonicalPlace('kv', 'a/b'));
    expect(await red.check(kvCall(), mount)).toMatchObject({ status: 'ready', flavour: 'kv2' });
    const nowhere = scene.connect(scene.root, { namespace: 'green' });
    expect(await nowhere.check(kvCall(), mount)).toMatchObject({ status: 'misconfigured' });
    await expect(read(nowhere.open(mount), 'a')).rejects.toMatchObject({ vaultCode: 'MISCONFIGURED' });
  });

  it('sealed: says so for every call, and goes on with the same connection once it is unsealed', async () => {
    const own = await startOpenBao();
    scene.opened(own);
    await own.mountKv('kv', 2);
    const connection = connectKv({ address: own.address }, { type: 'token', token: own.rootToken });
    scene.opened(connection);
    const adapter = connection.open(mount);
    await put(adapter, 'a', '{"n":"1"}');
    const identity = await connection.serverIdentity(kvCall());
    await own.must({ method: 'PUT', path: 'sys/seal' });
    await expect(read(adapter, 'a')).rejects.toMatchObject({ vaultCode: 'SEALED', retryable: true });
    await expect(put(adapter, 'a', '{"n":"2"}')).rejects.toMatchObject({ vaultCode: 'SEALED', outcomeUnknown: false });
    await expect(connection.serverIdentity(kvCall())).rejects.toMatchObject({ vaultCode: 'SEALED' });
    expect(await connection.check(kvCall(), mount)).toMatchObject({ status: 'sealed', product: 'openbao' });
    await own.call({ method: 'PUT', path: 'sys/unseal', body: { key: own.unsealKey } });
    await until(async () => (await own.call({ path: 'sys/health' })).status === 200);
    expect(await read(adapter, 'a')).toBe('{"n":"1"}');
    expect(await connection.serverIdentity(kvCall())).toBe(identity);
  });

  it('restarted: fails while the server is down, and goes on with the same connection and login afterwards', async () => {
    const durable = await startDurableBao();
    scene.opened(durable);
    await durable.mountKv2('kv');
    const connection = connectKv({ address: durable.address }, { type: 'token', token: durable.rootToken });
    scene.opened(connection);
    const adapter = connection.open(mount);
    const first = await adapter.create(kvCall(), 'a', content('{"n":"1"}'), { marker: 'x' });
    await put(adapter, 'a', '{"n":"2"}');
    await durable.kill();
    await expect(read(adapter, 'a')).rejects.toMatchObject({ vaultCode: 'UNAVAILABLE', retryable: true });
    await expect(put(adapter, 'a', '{"n":"3"}')).rejects.toMatchObject({
      vaultCode: 'UNAVAILABLE',
      outcomeUnknown: false,
    });
    expect(await connection.check(kvCall(), mount)).toMatchObject({ status: 'unreachable' });
    await durable.start();
    await expect(read(adapter, 'a')).rejects.toMatchObject({ vaultCode: 'SEALED' });
    await durable.unseal();
    await until(() =>
      read(adapter, 'a').then(
        () => true,
        () => false,
      ),
    );
    expect(await read(adapter, 'a')).toBe('{"n":"2"}');
    expect((await adapter.read(kvCall(), 'a', first.version)).content.reveal()).toBe('{"n":"1"}');
    expect(await put(adapter, 'a', '{"n":"3"}')).toEqual({ version: '3' });
  }, 60_000);

  it('token revoked: a given token is refused, and not presented again for a while', async () => {
    const token = await scene.tokenWith('app');
    const before = await scene.front();
    const connection = scene.connect({ type: 'token', token }, { address: before.address });
    const adapter = connection.open(mount);
    await put(adapter, 'revoked', '{"n":"1"}');
    expect(await connection.check(kvCall())).toMatchObject({ status: 'ready' });
    await scene.bao.must({ method: 'POST', path: 'auth/token/revoke', body: { token } });
    const error: unknown = await read(adapter, 'revoked').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ vaultCode: 'UNAUTHENTICATED', retryable: false });
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(token);
    const asked = before.paths.length;
    for (let n = 0; n < 20; n++) {
      await expect(put(adapter, 'revoked', '{"n":"2"}')).rejects.toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
    }
    expect(before.paths).toHaveLength(asked);
    expect(await connection.check(kvCall())).toMatchObject({ status: 'unauthenticated' });
    expect(await connection.check(kvCall(), mount)).toMatchObject({ status: 'unauthenticated' });
  });

  it('token revoked: with an AppRole the connection logs in anew, once for all calls, and the calls succeed', async () => {
    const before = await scene.front();
    const adapter = scene.connect(await scene.appRole('revoked'), { address: before.address }).open(mount);
    await put(adapter, 'role', '{"n":"1"}');
    await scene.revokeTokensOf('revoked');
    before.paths.length = 0;
    const reads = await Promise.all(Array.from({ length: 10 }, () => read(adapter, 'role')));
    expect(new Set(reads)).toEqual(new Set(['{"n":"1"}']));
    expect(before.paths.filter((path) => path.endsWith('/login'))).toHaveLength(1);
    expect(await put(adapter, 'role', '{"n":"2"}')).toEqual({ version: '2' });
  });

  it('AppRole secret-id rotated: the login at hand goes on; the old one is refused once, not in a loop; the new one works', async () => {
    const before = await scene.front();
    const old = await scene.appRole('rotated');
    const connection = scene.connect(old, { address: before.address });
    const adapter = connection.open(mount);
    await put(adapter, 'rotated', '{"n":"1"}');
    const renewed = await scene.appRole('rotated');
    await scene.bao.must({
      method: 'POST',
      path: 'auth/approle/role/rotated/secret-id/destroy',
      body: { secret_id: old.secretId },
    });
    expect(await read(adapter, 'rotated')).toBe('{"n":"1"}');
    await scene.revokeTokensOf('rotated');
    before.paths.length = 0;
    for (let n = 0; n < 20; n++) {
      const error: unknown = await read(adapter, 'rotated').catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(old.secretId);
    }
    expect(before.paths.filter((path) => path.endsWith('/login'))).toHaveLength(1);
    expect(await connection.check(kvCall(), mount)).toMatchObject({ status: 'unauthenticated' });
    expect(await read(scene.connect(renewed).open(mount), 'rotated')).toBe('{"n":"1"}');
  });

  it('rate-limit quota: is THROTTLED with the time to wait, and nothing was written', async () => {
    await scene.bao.mountKv('limited', 2);
    await scene.bao.must({
      method: 'POST',
      path: 'sys/quotas/config',
      body: { enable_rate_limit_response_headers: true },
    });
    const adapter = scene.connect(scene.root).open({ mount: 'limited', flavour: 'auto' });
    await put(adapter, 'a', '{"n":"1"}');
    const quota = { path: 'limited/', rate: 1, interval: '1h' };
    await scene.bao.must({ method: 'POST', path: 'sys/quotas/rate-limit/limited', body: quota });
    let error: unknown;
    await until(async () => {
      error = await put(adapter, 'a', '{"n":"2"}').then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      return error !== undefined;
    });
    expect(error).toMatchObject({ vaultCode: 'THROTTLED', retryable: true, outcomeUnknown: false, httpStatus: 429 });
    expect((error as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0);
    await expect(read(adapter, 'a')).rejects.toMatchObject({ vaultCode: 'THROTTLED' });
    await scene.bao.must({ method: 'DELETE', path: 'sys/quotas/rate-limit/limited' });
    expect(JSON.parse(await read(adapter, 'a'))).toHaveProperty('n');
  });

  it('standby redirect: follows a 307 to a listed node with method, body and token, and to no other', async () => {
    const standby = await scene.front();
    const activeHost = new URL(scene.bao.address).host.replace('127.0.0.1', 'localhost');
    standby.rule = ({ method, url, pass }, response) => {
      standby.paths.push(`${method} ${url}`);
      if (url.startsWith('/v1/sys/seal-status')) pass();
      else response.writeHead(307, { location: `http://${activeHost}${url}` }).end();
    };
    const listed = scene.connect(scene.root, { address: standby.address, redirectHosts: [activeHost] });
    const adapter = listed.open(mount);
    const name = "it's 100% #1?/sys/health";
    expect(await adapter.create(kvCall(), name, content('{"n":1.5,"s":"ü"}'), { marker: 'x' })).toEqual({
      version: '1',
    });
    expect(JSON.parse(await read(scene.connect(scene.root).open(mount), name))).toEqual({ n: 1.5, s: 'ü' });
    expect(await listed.check(kvCall(), mount)).toMatchObject({ status: 'ready' });
    expect(await adapter.list(kvCall(), { prefix: "it's 100% #1?", recursive: true, limit: 9 })).toMatchObject({
      names: ['sys/health'],
    });
    const unlisted = scene.connect(scene.root, { address: standby.address });
    await expect(read(unlisted.open(mount), name)).rejects.toMatchObject({
      vaultCode: 'MISCONFIGURED',
      message: expect.stringContaining('localhost'),
    });
    expect(await unlisted.check(kvCall(), mount)).toMatchObject({ status: 'misconfigured' });
  });
});
