import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { startOpenBao, type OpenBaoPeer } from '@claviger/testing';
import type { KvConfig, KvCredentials } from '@claviger/vaults/adapters/kv';
import type { VaultAdapter, VaultConnection } from '@claviger/vaults/contract';
import { SignJWT } from 'jose';
import { connectKv, kvCall, useHostileEnvironment } from './kv-connect.js';
import { startDurableBao, until } from './kv-durable-bao.js';
import { startFront, type Front } from './kv-front.js';

useHostileEnvironment();

let bao: OpenBaoPeer;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  bao = await startOpenBao();
  await bao.mountKv('kv', 2);
  await bao.mountKv('kv1', 1);
  await bao.writePolicy('app', 'path "kv/*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }');
  await bao.must({ method: 'POST', path: 'sys/auth/approle', body: { type: 'approle' } });
}, 60_000);

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

afterAll(() => bao.close());

function connect(credentials: KvCredentials, config: Partial<KvConfig> = {}): VaultConnection {
  const connection = connectKv({ address: bao.address, ...config }, credentials);
  open.push(connection);
  return connection;
}

const root = (): KvCredentials => ({ type: 'token', token: bao.rootToken });
const mount = { mount: 'kv', flavour: 'auto' };

async function front(): Promise<Front & { readonly paths: string[] }> {
  const made = Object.assign(await startFront(bao.address), { paths: [] as string[] });
  made.rule = ({ method, url, pass }) => {
    made.paths.push(`${method} ${url}`);
    pass();
  };
  open.push(made);
  return made;
}

const content = (text: string): SecretValue<string> => new SecretValue(text);
const put = (adapter: VaultAdapter, name: string, text: string) => adapter.put(kvCall(), name, content(text));
const read = async (adapter: VaultAdapter, name: string) => (await adapter.read(kvCall(), name)).content.reveal();

/** A token that may look itself up. */
async function tokenWith(...policies: readonly string[]): Promise<string> {
  const { client_token } = await bao.must({ method: 'POST', path: 'auth/token/create', body: { policies } });
  return client_token as string;
}

/** A role with the policy `app`, and its credentials. */
async function appRole(name: string, role: object = {}): Promise<KvCredentials & { type: 'approle' }> {
  const path = `auth/approle/role/${name}`;
  await bao.must({ method: 'POST', path, body: { token_policies: ['app'], token_ttl: '1h', ...role } });
  const { role_id } = await bao.must({ path: `${path}/role-id` });
  const { secret_id } = await bao.must({ method: 'POST', path: `${path}/secret-id` });
  return { type: 'approle', roleId: role_id as string, secretId: secret_id as string };
}

/** Revokes every token that was logged in for the role. */
async function revokeTokensOf(role: string): Promise<void> {
  const { keys } = await bao.must({ path: 'auth/token/accessors?list=true' });
  for (const accessor of keys as string[]) {
    const { body } = await bao.call({ method: 'POST', path: 'auth/token/lookup-accessor', body: { accessor } });
    const { meta } = (body as { data?: { meta?: { role_name?: string } } }).data ?? {};
    if (meta?.role_name !== role) continue;
    await bao.must({ method: 'POST', path: 'auth/token/revoke-accessor', body: { accessor } });
  }
}

describe('kv on a real OpenBao', () => {
  it('namespaces: keeps the same mount and name in two namespaces apart, with a login in each', async () => {
    for (const namespace of ['red', 'blue']) {
      await bao.must({ method: 'POST', path: `sys/namespaces/${namespace}`, body: {} });
      const headers = { 'X-Vault-Namespace': namespace };
      const must = (path: string, body: object) => bao.must({ method: 'POST', path, body, headers });
      await must('sys/mounts/kv', { type: 'kv', options: { version: '2' } });
      await must('sys/auth/userpass', { type: 'userpass' });
      await must('sys/policies/acl/app', { policy: 'path "kv/*" { capabilities = ["create", "read", "update", "list"] }' });
      await must('auth/userpass/users/ann', { password: `pw-${namespace}`, token_policies: ['app'] });
    }
    const inside = (namespace: string) =>
      connect({ type: 'userpass', username: 'ann', password: `pw-${namespace}` }, { namespace });
    const [red, blue, all] = [inside('red'), inside('blue'), connect(root())];
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
    const nowhere = connect(root(), { namespace: 'green' });
    expect(await nowhere.check(kvCall(), mount)).toMatchObject({ status: 'misconfigured' });
    await expect(read(nowhere.open(mount), 'a')).rejects.toMatchObject({ vaultCode: 'MISCONFIGURED' });
  });

  it('sealed: says so for every call, and goes on with the same connection once it is unsealed', async () => {
    const own = await startOpenBao();
    open.push(own);
    await own.mountKv('kv', 2);
    const connection = connectKv({ address: own.address }, { type: 'token', token: own.rootToken });
    open.push(connection);
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
    open.push(durable);
    const must = async (path: string, body: object): Promise<void> => {
      const init = { method: 'POST', headers: { 'X-Vault-Token': durable.rootToken }, body: JSON.stringify(body) };
      expect((await fetch(`${durable.address}/v1/${path}`, init)).status).toBe(204);
    };
    await must('sys/mounts/kv', { type: 'kv', options: { version: '2' } });
    const connection = connectKv({ address: durable.address }, { type: 'token', token: durable.rootToken });
    open.push(connection);
    const adapter = connection.open(mount);
    const first = await adapter.create(kvCall(), 'a', content('{"n":"1"}'), { marker: 'x' });
    await put(adapter, 'a', '{"n":"2"}');
    await durable.kill();
    await expect(read(adapter, 'a')).rejects.toMatchObject({ vaultCode: 'UNAVAILABLE', retryable: true });
    await expect(put(adapter, 'a', '{"n":"3"}')).rejects.toMatchObject({ vaultCode: 'UNAVAILABLE', outcomeUnknown: false });
    expect(await connection.check(kvCall(), mount)).toMatchObject({ status: 'unreachable' });
    await durable.start();
    await expect(read(adapter, 'a')).rejects.toMatchObject({ vaultCode: 'SEALED' });
    await durable.unseal();
    expect(await read(adapter, 'a')).toBe('{"n":"2"}');
    expect((await adapter.read(kvCall(), 'a', first.version)).content.reveal()).toBe('{"n":"1"}');
    expect(await put(adapter, 'a', '{"n":"3"}')).toEqual({ version: '3' });
  }, 60_000);

  it('token revoked: a given token is refused, and not presented again for a while', async () => {
    const token = await tokenWith('app');
    const before = await front();
    const connection = connect({ type: 'token', token }, { address: before.address });
    const adapter = connection.open(mount);
    await put(adapter, 'revoked', '{"n":"1"}');
    expect(await connection.check(kvCall())).toMatchObject({ status: 'ready' });
    await bao.must({ method: 'POST', path: 'auth/token/revoke', body: { token } });
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
    const before = await front();
    const adapter = connect(await appRole('revoked'), { address: before.address }).open(mount);
    await put(adapter, 'role', '{"n":"1"}');
    await revokeTokensOf('revoked');
    before.paths.length = 0;
    const reads = await Promise.all(Array.from({ length: 10 }, () => read(adapter, 'role')));
    expect(new Set(reads)).toEqual(new Set(['{"n":"1"}']));
    expect(before.paths.filter((path) => path.endsWith('/login'))).toHaveLength(1);
    expect(await put(adapter, 'role', '{"n":"2"}')).toEqual({ version: '2' });
  });

  it('AppRole secret-id rotated: the login at hand goes on; the old one is refused once, not in a loop; the new one works', async () => {
    const before = await front();
    const old = await appRole('rotated');
    const connection = connect(old, { address: before.address });
    const adapter = connection.open(mount);
    await put(adapter, 'rotated', '{"n":"1"}');
    const renewed = await appRole('rotated');
    await bao.must({ method: 'POST', path: 'auth/approle/role/rotated/secret-id/destroy', body: { secret_id: old.secretId } });
    expect(await read(adapter, 'rotated')).toBe('{"n":"1"}');
    await revokeTokensOf('rotated');
    before.paths.length = 0;
    for (let n = 0; n < 20; n++) {
      const error: unknown = await read(adapter, 'rotated').catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(old.secretId);
    }
    expect(before.paths.filter((path) => path.endsWith('/login'))).toHaveLength(1);
    expect(await connection.check(kvCall(), mount)).toMatchObject({ status: 'unauthenticated' });
    expect(await read(connect(renewed).open(mount), 'rotated')).toBe('{"n":"1"}');
  });

  it('rate-limit quota: is THROTTLED with the time to wait, and nothing was written', async () => {
    await bao.mountKv('limited', 2);
    await bao.must({ method: 'POST', path: 'sys/quotas/config', body: { enable_rate_limit_response_headers: true } });
    const adapter = connect(root()).open({ mount: 'limited', flavour: 'auto' });
    await put(adapter, 'a', '{"n":"1"}');
    const quota = { path: 'limited/', rate: 1, interval: '1h' };
    await bao.must({ method: 'POST', path: 'sys/quotas/rate-limit/limited', body: quota });
    let error: unknown;
    await until(async () => {
      error = await put(adapter, 'a', '{"n":"2"}').then(() => undefined, (thrown: unknown) => thrown);
      return error !== undefined;
    });
    expect(error).toMatchObject({ vaultCode: 'THROTTLED', retryable: true, outcomeUnknown: false, httpStatus: 429 });
    expect((error as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0);
    await expect(read(adapter, 'a')).rejects.toMatchObject({ vaultCode: 'THROTTLED' });
    await bao.must({ method: 'DELETE', path: 'sys/quotas/rate-limit/limited' });
    expect(JSON.parse(await read(adapter, 'a'))).toHaveProperty('n');
  });

  it('standby redirect: follows a 307 to a listed node with method, body and token, and to no other', async () => {
    const standby = await front();
    const activeHost = new URL(bao.address).host.replace('127.0.0.1', 'localhost');
    standby.rule = ({ method, url, pass }, response) => {
      standby.paths.push(`${method} ${url}`);
      if (url.startsWith('/v1/sys/seal-status')) pass();
      else response.writeHead(307, { location: `http://${activeHost}${url}` }).end();
    };
    const listed = connect(root(), { address: standby.address, redirectHosts: [activeHost] });
    const adapter = listed.open(mount);
    const name = "it's 100% #1?/sys/health";
    expect(await adapter.create(kvCall(), name, content('{"n":1.5,"s":"ü"}'), { marker: 'x' })).toEqual({ version: '1' });
    expect(JSON.parse(await read(connect(root()).open(mount), name))).toEqual({ n: 1.5, s: 'ü' });
    expect(await listed.check(kvCall(), mount)).toMatchObject({ status: 'ready' });
    expect(await adapter.list(kvCall(), { prefix: "it's 100% #1?", recursive: true, limit: 9 })).toMatchObject({
      names: ['sys/health'],
    });
    const unlisted = connect(root(), { address: standby.address });
    await expect(read(unlisted.open(mount), name)).rejects.toMatchObject({
      vaultCode: 'MISCONFIGURED',
      message: expect.stringContaining('localhost'),
    });
    expect(await unlisted.check(kvCall(), mount)).toMatchObject({ status: 'misconfigured' });
  });
});

describe('kv logins on a real OpenBao', () => {
  it('logs in with a user name and password', async () => {
    await bao.must({ method: 'POST', path: 'sys/auth/people', body: { type: 'userpass' } });
    await bao.must({ method: 'POST', path: 'auth/people/users/ann', body: { password: 'p w ü"\\', token_policies: ['app'] } });
    const ann = { type: 'userpass', username: 'ann', password: 'p w ü"\\', mountPath: 'people' } as const;
    await expect(put(connect(ann).open(mount), 'by/ann', '{"n":"1"}')).resolves.toEqual({ version: '1' });
    const wrong = connect({ ...ann, password: 'canary-password' });
    const error: unknown = await put(wrong.open(mount), 'by/ann', '{"n":"1"}').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('canary');
  });

  it('logs in with a JWT', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await bao.must({ method: 'POST', path: 'sys/auth/jwt', body: { type: 'jwt' } });
    const key = publicKey.export({ type: 'spki', format: 'pem' });
    await bao.must({ method: 'POST', path: 'auth/jwt/config', body: { jwt_validation_pubkeys: [key] } });
    const role = { role_type: 'jwt', bound_audiences: ['bao'], user_claim: 'sub', token_policies: ['app'] };
    await bao.must({ method: 'POST', path: 'auth/jwt/role/app', body: role });
    const sign = (audience: string) =>
      new SignJWT({}).setProtectedHeader({ alg: 'ES256' }).setSubject('me').setAudience(audience).setIssuedAt().setExpirationTime('1h').sign(privateKey);
    const good = connect({ type: 'jwt', role: 'app', jwt: await sign('bao') }).open(mount);
    await expect(put(good, 'by/jwt', '{"n":"1"}')).resolves.toEqual({ version: '1' });
    const bad = connect({ type: 'jwt', role: 'app', jwt: await sign('other') });
    expect(await bad.check(kvCall(), mount)).toMatchObject({ status: 'unauthenticated' });
  });

  it('tells an unknown auth path, and says what to check', async () => {
    const lost = connect({ type: 'approle', roleId: 'r', secretId: 's', mountPath: 'nowhere' });
    const checked = await lost.check(kvCall());
    expect(['unauthenticated', 'misconfigured']).toContain(checked.status);
    expect(checked.message).toContain('auth path');
  });

  it('renews its token before it expires', async () => {
    const adapter = connect(await appRole('renewed', { token_ttl: '3s', token_max_ttl: '1h' })).open(mount);
    await put(adapter, 'renewed', '{"n":"1"}');
    const renewals = async (): Promise<number> => {
      const { keys } = await bao.must({ path: 'auth/token/accessors?list=true' });
      for (const accessor of keys as string[]) {
        const { body } = await bao.call({ method: 'POST', path: 'auth/token/lookup-accessor', body: { accessor } });
        const data = (body as { data?: { meta?: { role_name?: string }; last_renewal_time?: number } }).data;
        if (data?.meta?.role_name === 'renewed') return data.last_renewal_time ?? 0;
      }
      return 0;
    };
    await until(async () => (await renewals()) > 0);
    expect(await read(adapter, 'renewed')).toBe('{"n":"1"}');
  }, 30_000);

  it('gives its token back when it is closed, and leaves a given one alone', async () => {
    const connection = connect(await appRole('closed'));
    await put(connection.open(mount), 'closed', '{"n":"1"}');
    const tokensOf = async (): Promise<number> => ((await bao.must({ path: 'auth/token/accessors?list=true' }))['keys'] as string[]).length;
    const during = await tokensOf();
    await connection.close();
    expect(await tokensOf()).toBe(during - 1);
    await connect(root()).close();
    expect((await bao.call({ path: 'auth/token/lookup-self' })).status).toBe(200);
  });
});

describe('kv with narrow permissions on a real OpenBao', () => {
  const data = '["create", "read", "update"]';

  it('learns that the credentials may not keep metadata, and creates without', async () => {
    await bao.writePolicy('data-only', `path "kv/data/narrow/*" { capabilities = ${data} }`);
    const token = await tokenWith('data-only');
    const connection = connect({ type: 'token', token });
    const adapter = connection.open({ ...mount, prefix: 'narrow' });
    expect((await adapter.capabilities(kvCall())).metadata).toBe(false);
    await expect(adapter.create(kvCall(), 'narrow/a', content('{"n":"1"}'), { marker: 'x' })).rejects.toMatchObject({
      vaultCode: 'PERMISSION_DENIED',
      details: { lacks: 'metadata' },
    });
    expect(await adapter.create(kvCall(), 'narrow/a', content('{"n":"1"}'))).toEqual({ version: '1' });
    await expect(adapter.create(kvCall(), 'narrow/a', content('{"n":"2"}'))).rejects.toMatchObject({ vaultCode: 'ALREADY_EXISTS' });
    await expect(adapter.read(kvCall(), 'narrow/a', '7')).rejects.toMatchObject({ vaultCode: 'VERSION_NOT_FOUND' });
    await expect(adapter.purge(kvCall(), 'narrow/a')).rejects.toMatchObject({ vaultCode: 'PERMISSION_DENIED' });
    expect(await connection.check(kvCall(), { ...mount, prefix: 'narrow' })).toMatchObject({ status: 'ready' });
    expect(await connection.check(kvCall(), { ...mount, prefix: 'other' })).toMatchObject({ status: 'no_permission' });
  });

  it('asks about the prefix, where the credentials may keep metadata below it only', async () => {
    await bao.writePolicy('below', 'path "kv/+/below/*" { capabilities = ["create", "read", "update", "list"] }');
    const connection = connect({ type: 'token', token: await tokenWith('below') });
    expect((await connection.open({ ...mount, prefix: 'below' }).capabilities(kvCall())).metadata).toBe(true);
    expect((await connection.open(mount).capabilities(kvCall())).metadata).toBe(false);
  });

  it('sets metadata without the patch capability', async () => {
    await bao.writePolicy('no-patch', `path "kv/*" { capabilities = ${data} }`);
    const adapter = connect({ type: 'token', token: await bao.createToken(['no-patch']) }).open(mount);
    await adapter.create(kvCall(), 'no-patch/a', content('{"n":"1"}'), { first: '1', second: '2' });
    await adapter.setMetadata(kvCall(), 'no-patch/a', { second: 'two' });
    expect((await adapter.describe(kvCall(), 'no-patch/a')).metadata).toEqual({ first: '1', second: 'two' });
    await expect(adapter.setMetadata(kvCall(), 'no-patch/none', { a: 'b' })).rejects.toMatchObject({ vaultCode: 'NOT_FOUND' });
  });

  it('tells a refusal by the policy from a void token without the default policy', async () => {
    await bao.writePolicy('readers', 'path "kv/data/readers/*" { capabilities = ["read"] }');
    const token = await bao.createToken(['readers']);
    const connection = connect({ type: 'token', token });
    const adapter = connection.open(mount);
    await put(connect(root()).open(mount), 'readers/a', '{"n":"1"}');
    expect(await read(adapter, 'readers/a')).toBe('{"n":"1"}');
    await expect(put(adapter, 'readers/a', '{"n":"2"}')).rejects.toMatchObject({ vaultCode: 'PERMISSION_DENIED' });
    await expect(read(adapter, 'elsewhere')).rejects.toMatchObject({ vaultCode: 'PERMISSION_DENIED' });
    await bao.must({ method: 'POST', path: 'auth/token/revoke', body: { token } });
    await expect(read(adapter, 'readers/a')).rejects.toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
  });
});

describe('kv mounts on a real OpenBao', () => {
  it('writes without a condition also where the mount demands one', async () => {
    await bao.mountKv('strict', 2);
    await bao.must({ method: 'POST', path: 'strict/config', body: { cas_required: true, max_versions: 3 } });
    const adapter = connect(root()).open({ mount: 'strict', flavour: 'auto' });
    expect(await put(adapter, 'a', '{"n":"1"}')).toEqual({ version: '1' });
    expect(await put(adapter, 'a', '{"n":"2"}')).toEqual({ version: '2' });
    expect((await adapter.capabilities(kvCall())).maxVersions).toBe(3);
  });

  it('notices that a mount was replaced by one of the other version', async () => {
    await bao.mountKv('changing', 2);
    const adapter = connect(root()).open({ mount: 'changing', flavour: 'auto' });
    await put(adapter, 'a', '{"n":"1"}');
    await bao.must({ method: 'DELETE', path: 'sys/mounts/changing' });
    await expect(read(adapter, 'a')).rejects.toMatchObject({ vaultCode: 'MISCONFIGURED' });
    await bao.mountKv('changing', 1);
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
    const checked = await connect(root()).check(kvCall(), { mount: path, flavour });
    expect(checked).toMatchObject({ status, product: 'openbao', message: expect.stringContaining(says) });
    expect(checked.version).toMatch(/^\d+\.\d+/);
    expect(checked.serverIdentity).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('checks an address where nothing listens, and one that is denied', async () => {
    const gone = await front();
    await gone.close();
    expect(await connect(root(), { address: gone.address }).check(kvCall())).toMatchObject({ status: 'unreachable' });
    const denied = await connect(root(), { address: 'http://169.254.169.254' }).check(kvCall());
    expect(denied).toMatchObject({ status: 'misconfigured', message: expect.stringContaining('169.254.169.254') });
  });

  it('never keeps its marker on an object that another writer created at the same moment', async () => {
    const between = await front();
    const adapter = connect(root(), { address: between.address }).open(mount);
    await adapter.capabilities(kvCall());
    between.rule = ({ method, url, pass }) => {
      if (method !== 'POST' || !url.includes('/metadata/race')) return pass();
      between.rule = (next) => next.pass();
      void bao.must({ method: 'POST', path: 'kv/data/race', body: { data: { by: 'them' } } }).then(pass);
    };
    await expect(adapter.create(kvCall(), 'race', content('{"by":"us"}'), { marker: 'ours' })).rejects.toMatchObject({
      vaultCode: 'ALREADY_EXISTS',
    });
    expect(await read(adapter, 'race')).toBe('{"by":"them"}');
    expect((await adapter.describe(kvCall(), 'race')).metadata).toEqual({});
  });

  it('leaves the marker of a twin of itself that was quicker', async () => {
    const [one, other] = [connect(root()).open(mount), connect(root()).open(mount)];
    for (let round = 0; round < 10; round++) {
      const name = `twins/${round}`;
      const tries = [one, other].map((adapter) => adapter.create(kvCall(), name, content('{"n":"1"}'), { marker: 'ours' }));
      const results = await Promise.allSettled(tries);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect((await one.describe(kvCall(), name)).metadata).toEqual({ marker: 'ours' });
    }
  });
});
