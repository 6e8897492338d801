import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { VaultAdapter } from '@claviger/vaults/contract';
import { SignJWT } from 'jose';
import { kvCall, useHostileEnvironment } from './kv-connect.js';
import { until } from './kv-durable-bao.js';
import { content, KvScene, mount, put, read } from './kv-scene.js';

useHostileEnvironment();

let scene: KvScene;
beforeAll(async () => {
  scene = await KvScene.start();
}, 60_000);
afterEach(() => scene.closeOpened());
afterAll(() => scene.close());

describe('kv logins on a real OpenBao', () => {
  it('logs in with a user name and password', async () => {
    await scene.bao.must({ method: 'POST', path: 'sys/auth/people', body: { type: 'userpass' } });
    await scene.bao.must({
      method: 'POST',
      path: 'auth/people/users/ann',
      body: { password: 'p w ü"\\', token_policies: ['app'] },
    });
    const ann = { type: 'userpass', username: 'ann', password: 'p w ü"\\', mountPath: 'people' } as const;
    await expect(put(scene.connect(ann).open(mount), 'by/ann', '{"n":"1"}')).resolves.toEqual({ version: '1' });
    const wrong = scene.connect({ ...ann, password: 'canary-password' });
    const error: unknown = await put(wrong.open(mount), 'by/ann', '{"n":"1"}').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('canary');
  });

  it('logs in with a JWT', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await scene.bao.must({ method: 'POST', path: 'sys/auth/jwt', body: { type: 'jwt' } });
    const key = publicKey.export({ type: 'spki', format: 'pem' });
    await scene.bao.must({ method: 'POST', path: 'auth/jwt/config', body: { jwt_validation_pubkeys: [key] } });
    const role = { role_type: 'jwt', bound_audiences: ['bao'], user_claim: 'sub', token_policies: ['app'] };
    await scene.bao.must({ method: 'POST', path: 'auth/jwt/role/app', body: role });
    const sign = (audience: string) =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'ES256' })
        .setSubject('me')
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey);
    const good = scene.connect({ type: 'jwt', role: 'app', jwt: await sign('bao') }).open(mount);
    await expect(put(good, 'by/jwt', '{"n":"1"}')).resolves.toEqual({ version: '1' });
    const bad = scene.connect({ type: 'jwt', role: 'app', jwt: await sign('other') });
    expect(await bad.check(kvCall(), mount)).toMatchObject({ status: 'unauthenticated' });
  });

  it('tells an unknown auth path, and says what to check', async () => {
    const lost = scene.connect({ type: 'approle', roleId: 'r', secretId: 's', mountPath: 'nowhere' });
    const checked = await lost.check(kvCall());
    expect(['unauthenticated', 'misconfigured']).toContain(checked.status);
    expect(checked.message).toContain('auth path');
  });

  it('renews its token before it expires', async () => {
    const adapter = scene.connect(await scene.appRole('renewed', { token_ttl: '3s', token_max_ttl: '1h' })).open(mount);
    await put(adapter, 'renewed', '{"n":"1"}');
    await until(async () =>
      [...(await scene.tokens()).values()].some((one) => one.meta?.role_name === 'renewed' && one.last_renewal_time),
    );
    expect(await read(adapter, 'renewed')).toBe('{"n":"1"}');
  }, 30_000);

  it('gives its token back when it is closed, and leaves a given one alone', async () => {
    const connection = scene.connect(await scene.appRole('closed'));
    await put(connection.open(mount), 'closed', '{"n":"1"}');
    const tokensOf = async (): Promise<number> => (await scene.tokens()).size;
    const during = await tokensOf();
    await connection.close();
    expect(await tokensOf()).toBe(during - 1);
    await scene.connect(scene.root).close();
    expect((await scene.bao.call({ path: 'auth/token/lookup-self' })).status).toBe(200);
  });
});

describe('kv with narrow permissions on a real OpenBao', () => {
  const data = '["create", "read", "update"]';

  it('learns that the credentials may not keep metadata, and creates without', async () => {
    await scene.bao.writePolicy('data-only', `path "kv/data/narrow/*" { capabilities = ${data} }`);
    const token = await scene.tokenWith('data-only');
    const connection = scene.connect({ type: 'token', token });
    const adapter = connection.open({ ...mount, prefix: 'narrow' });
    expect((await adapter.capabilities(kvCall())).metadata).toBe(false);
    await expect(adapter.create(kvCall(), 'narrow/a', content('{"n":"1"}'), { marker: 'x' })).rejects.toMatchObject({
      vaultCode: 'PERMISSION_DENIED',
      details: { lacks: 'metadata' },
    });
    expect(await adapter.create(kvCall(), 'narrow/a', content('{"n":"1"}'))).toEqual({ version: '1' });
    await expect(adapter.create(kvCall(), 'narrow/a', content('{"n":"2"}'))).rejects.toMatchObject({
      vaultCode: 'ALREADY_EXISTS',
    });
    await expect(adapter.read(kvCall(), 'narrow/a', '7')).rejects.toMatchObject({ vaultCode: 'VERSION_NOT_FOUND' });
    await expect(adapter.purge(kvCall(), 'narrow/a')).rejects.toMatchObject({ vaultCode: 'PERMISSION_DENIED' });
    expect(await connection.check(kvCall(), { ...mount, prefix: 'narrow' })).toMatchObject({ status: 'ready' });
    expect(await connection.check(kvCall(), { ...mount, prefix: 'other' })).toMatchObject({ status: 'no_permission' });
  });

  it('asks about the prefix, where the credentials may keep metadata below it only', async () => {
    await scene.bao.writePolicy('below', 'path "kv/+/below/*" { capabilities = ["create", "read", "update", "list"] }');
    const connection = scene.connect({ type: 'token', token: await scene.tokenWith('below') });
    expect((await connection.open({ ...mount, prefix: 'below' }).capabilities(kvCall())).metadata).toBe(true);
    expect((await connection.open(mount).capabilities(kvCall())).metadata).toBe(false);
  });

  it('sets metadata without the patch capability', async () => {
    await scene.bao.writePolicy('no-patch', `path "kv/*" { capabilities = ${data} }`);
    const adapter = scene.connect({ type: 'token', token: await scene.bao.createToken(['no-patch']) }).open(mount);
    await adapter.create(kvCall(), 'no-patch/a', content('{"n":"1"}'), { first: '1', second: '2' });
    await adapter.setMetadata(kvCall(), 'no-patch/a', { second: 'two' });
    expect((await adapter.describe(kvCall(), 'no-patch/a')).metadata).toEqual({ first: '1', second: 'two' });
    await expect(adapter.setMetadata(kvCall(), 'no-patch/none', { a: 'b' })).rejects.toMatchObject({
      vaultCode: 'NOT_FOUND',
    });
  });

  it('tells a refusal by the policy from a void token without the default policy', async () => {
    await scene.bao.writePolicy('readers', 'path "kv/data/readers/*" { capabilities = ["read"] }');
    const token = await scene.bao.createToken(['readers']);
    const connection = scene.connect({ type: 'token', token });
    const adapter = connection.open(mount);
    await put(scene.connect(scene.root).open(mount), 'readers/a', '{"n":"1"}');
    expect(await read(adapter, 'readers/a')).toBe('{"n":"1"}');
    await expect(put(adapter, 'readers/a', '{"n":"2"}')).rejects.toMatchObject({ vaultCode: 'PERMISSION_DENIED' });
    await expect(read(adapter, 'elsewhere')).rejects.toMatchObject({ vaultCode: 'PERMISSION_DENIED' });
    await scene.bao.must({ method: 'POST', path: 'auth/token/revoke', body: { token } });
    await expect(read(adapter, 'readers/a')).rejects.toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
  });
});

describe('kv mounts on a real OpenBao', () => {
  it('writes without a condition also where the mount demands one', async () => {
    await scene.bao.mountKv('strict', 2);
    await scene.bao.must({ method: 'POST', path: 'strict/config', body: { cas_required: true, max_versions: 3 } });
    const adapter = scene.connect(scene.root).open({ mount: 'strict', flavour: 'auto' });
    expect(await put(adapter, 'a', '{"n":"1"}')).toEqual({ version: '1' });
    expect(await put(adapter, 'a', '{"n":"2"}')).toEqual({ version: '2' });
    expect((await adapter.capabilities(kvCall())).maxVersions).toBe(3);
  });

  it('notices that a mount was replaced by one of the other version', async () => {
    await scene.bao.mountKv('changing', 2);
    const adapter = scene.connect(scene.root).open({ mount: 'changing', flavour: 'auto' });
    await put(adapter, 'a', '{"n":"1"}');
    await scene.bao.must({ method: 'DELETE', path: 'sys/mounts/changing' });
    await expect(read(adapter, 'a')).rejects.toMatchObject({ vaultCode: 'MISCONFIGURED' });
    await scene.bao.mountKv('changing', 1);
    expect(await put(adapter, 'a', '{"n":12345678901234567890}')).toEqual({ version: undefined });
    expect(await read(adapter, 'a')).toBe('{"n":12345678901234567890}');
  });

  it.each([
    ['not-there', 'auto', 'misconfigured', 'no such mount'],
    ['kv/team', 'auto', 'misconfigured', 'prefix "team"'],
    ['kv', 'kv1', 'misconfigured', 'set kv2 or auto'],
    ['kv1', 'kv2', 'misconfigured', 'set kv1 or auto'],
    ['sys', 'auto', 'misconfigured', 'not KV'],
    ['kv1', 'auto', 'ready', 'ready'],
  ])('checks the mount %s as %s: %s', async (path, flavour, status, says) => {
    const checked = await scene.connect(scene.root).check(kvCall(), { mount: path, flavour });
    expect(checked).toMatchObject({ status, product: 'openbao', message: expect.stringContaining(says) });
    expect(checked.version).toMatch(/^\d+\.\d+/);
    expect(checked.serverIdentity).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('checks an address where nothing listens, and one that is denied', async () => {
    const gone = await scene.front();
    await gone.close();
    expect(await scene.connect(scene.root, { address: gone.address }).check(kvCall())).toMatchObject({
      status: 'unreachable',
    });
    const denied = await scene.connect(scene.root, { address: 'http://169.254.169.254' }).check(kvCall());
    expect(denied).toMatchObject({ status: 'misconfigured', message: expect.stringContaining('169.254.169.254') });
  });

  it('never keeps its marker on an object that another writer created at the same moment', async () => {
    const between = await scene.front();
    const adapter = scene.connect(scene.root, { address: between.address }).open(mount);
    await adapter.capabilities(kvCall());
    between.rule = ({ method, url, pass }) => {
      if (method !== 'POST' || !url.includes('/metadata/race')) return pass();
      between.rule = (next) => next.pass();
      void scene.bao.must({ method: 'POST', path: 'kv/data/race', body: { data: { by: 'them' } } }).then(pass);
    };
    await expect(adapter.create(kvCall(), 'race', content('{"by":"us"}'), { marker: 'ours' })).rejects.toMatchObject({
      vaultCode: 'ALREADY_EXISTS',
    });
    expect(await read(adapter, 'race')).toBe('{"by":"them"}');
    expect((await adapter.describe(kvCall(), 'race')).metadata).toEqual({});
  });

  it('leaves the marker when a twin of itself finishes the creation that it began', async () => {
    const between = await scene.front();
    const adapter = scene.connect(scene.root, { address: between.address }).open(mount);
    const twin = scene.connect(scene.root).open(mount);
    await adapter.capabilities(kvCall());
    const create = (by: VaultAdapter) => by.create(kvCall(), 'twin', content('{"n":"1"}'), { marker: 'ours' });
    between.rule = ({ method, url, pass }) => {
      if (method !== 'POST' || !url.includes('/data/twin')) return pass();
      void create(twin).then(pass);
    };
    await expect(create(adapter)).rejects.toMatchObject({ vaultCode: 'ALREADY_EXISTS' });
    expect((await adapter.describe(kvCall(), 'twin')).metadata).toEqual({ marker: 'ours' });
  });
});
