import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { hasOpenBao, Stage, unique } from './stage.js';

jest.setTimeout(60_000);

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage?.close());

const create = (sourceProfile: string, name: string, more: object = {}): ReturnType<Stage['api']['post']> =>
  stage.api.post('/secrets', { name, type: 'key-value', content: { value: 'x' }, sourceProfile, ...more });

describe('two profiles that reach one place', () => {
  async function profilesOver(instance: string, mount: string): Promise<[string, string]> {
    const [plain, prefixed] = [unique('plain'), unique('prefixed')];
    await stage.register('vault-profiles', { name: plain, instance, mount });
    await stage.register('vault-profiles', { name: prefixed, instance, mount, prefix: 'team' });
    return [plain, prefixed];
  }

  async function expectCollision(plain: string, prefixed: string): Promise<void> {
    const name = unique('one');
    expect((await create(plain, `team/${name}`)).status).toBe(201);
    const refused = await create(prefixed, name);
    expect(refused).toMatchObject({
      status: 409,
      body: { code: 'PLACE_TAKEN', details: { profile: plain, secret: `team/${name}`, isBeingEmptied: false } },
    });
    expect(refused.body.detail).toContain(plain);
    expect(refused.body.detail).toContain(`team/${name}`);
    const plan = await stage.api.post('/secrets?dryRun=true', {
      name,
      type: 'key-value',
      content: { value: 'x' },
      sourceProfile: prefixed,
    });
    expect(plan).toMatchObject({ status: 409, body: { code: 'PLACE_TAKEN' } });
    expect((await stage.api.get(`/secrets?profile=${prefixed}`)).body.items).toEqual([]);
  }

  it('are told so in the built-in vault', async () => {
    await expectCollision(...(await profilesOver('inside', unique('mount'))));
  });

  (hasOpenBao ? it : it.skip)('are told so in OpenBao', async () => {
    const { profile } = await stage.vault('kv2');
    await expectCollision(...(await profilesOver('openbao', profile)));
  });

  (hasOpenBao ? it : it.skip)('are told so through two instances of one server', async () => {
    const { profile: mount } = await stage.vault('kv2');
    const [other, plain, second] = [unique('other'), unique('plain'), unique('second')];
    const config = { address: stage.bao!.address.replace('127.0.0.1', 'localhost') };
    const credentials = { type: 'token', token: stage.bao!.rootToken };
    await stage.register('vault-instances', { name: other, kind: 'kv', config, credentials });
    await stage.register('vault-profiles', { name: plain, instance: 'openbao', mount });
    await stage.register('vault-profiles', { name: second, instance: other, mount });
    const name = unique('shared');
    expect((await create(plain, name)).status).toBe(201);
    expect(await create(second, name)).toMatchObject({ status: 409, body: { details: { profile: plain } } });
  });

  it('are told so when the second one is a sync profile, on creation and later', async () => {
    const [plain, prefixed] = await profilesOver('inside', unique('mount'));
    const source = await stage.vault('builtin');
    const name = unique('copy');
    expect((await create(plain, `team/${name}`)).status).toBe(201);
    expect(await create(source.profile, name, { syncProfiles: [prefixed] })).toMatchObject({
      status: 409,
      body: { code: 'PLACE_TAKEN' },
    });
    const { id } = await stage.secret({ name, source });
    const added = await stage.api.post(`/secrets/${id}/sync-profiles`, { profile: prefixed });
    expect(added).toMatchObject({ status: 409, body: { code: 'PLACE_TAKEN', details: { profile: plain } } });
    expect(await stage.targets(id)).toEqual([]);
    // Nothing is stuck after a refusal.
    expect(await stage.write(id, { value: 'two' })).toBe(2);
  });

  it('are told so by a secret that is replicated onto itself', async () => {
    const mount = unique('mount');
    const [plain, prefixed] = await profilesOver('inside', mount);
    const twin = unique('twin');
    await stage.register('vault-profiles', { name: twin, instance: 'inside', mount });
    expect(await create(plain, unique('self'), { syncProfiles: [twin] })).toMatchObject({
      status: 409,
      body: { code: 'PLACE_TAKEN', details: { profile: plain } },
    });
    expect((await create(plain, unique('self'), { syncProfiles: [prefixed] })).status).toBe(201);
  });

  it('get the place once it is free', async () => {
    const [plain, prefixed] = await profilesOver('inside', unique('mount'));
    const name = unique('freed');
    const { body } = await create(plain, `team/${name}`);
    await stage.api.delete(`/secrets/${body.secret.id}`, { ifMatch: '*' });
    await stage.becomes(body.secret.id, 'deleted');
    expect((await create(prefixed, name)).status).toBe(201);
  });
});

describe('a name template', () => {
  it('puts secrets where it says, and tells when two names meet', async () => {
    const profile = unique('templated');
    await stage.register('vault-profiles', {
      name: profile,
      instance: 'inside',
      mount: unique('mount'),
      prefix: 'apps',
      nameTemplate: '{type}/{name}',
      defaultOwner: 'platform',
      defaultLabels: { tier: 'one', team: 'default' },
    });
    const nobody = await create(profile, 'a/b');
    expect(nobody).toMatchObject({ status: 400, body: { code: 'OWNER_UNKNOWN' } });
    await stage.register('groups', { name: 'platform' });
    const created = await create(profile, 'a/b', { labels: { team: 'mine' } });
    expect(created).toMatchObject({
      status: 201,
      body: {
        secret: {
          physicalName: 'apps/key-value/a/b',
          owner: 'platform',
          labels: { tier: 'one', team: 'mine' },
        },
      },
    });
    expect(await create(profile, 'a/b')).toMatchObject({ status: 409, body: { code: 'SECRET_EXISTS' } });
  });
});

describe('one mount text in two kinds of vault', () => {
  (hasOpenBao ? it : it.skip)('never answers the content of one for the other', async () => {
    const kv = await stage.vault('kv2');
    const twin = unique('twin');
    await stage.register('vault-profiles', { name: twin, instance: 'inside', mount: kv.profile });
    const name = unique('same');
    const outside = await stage.secret({ name, source: kv, content: { value: 'outside' } });
    const inside = await create(twin, name, { content: { value: 'inside' } });
    expect(inside.status).toBe(201);
    expect(await stage.content(outside.id)).toEqual({ value: 'outside' });
    expect(await stage.content(inside.body.secret.id)).toEqual({ value: 'inside' });
    await stage.write(outside.id, { value: 'outside too' });
    expect(await stage.content(inside.body.secret.id)).toEqual({ value: 'inside' });
    expect(await kv.read(name)).toEqual({ value: 'outside too' });
  });
});

describe('what is in use', () => {
  it('cannot be removed, and says by whom it is used', async () => {
    const source = await stage.vault('builtin');
    const target = await stage.vault('builtin');
    const { id, name } = await stage.secret({ source, targets: [target] });
    await stage.inSync(id);
    for (const { profile } of [source, target]) {
      const refused = await stage.api.delete(`/vault-profiles/${profile}`, { ifMatch: '*' });
      expect(refused).toMatchObject({ status: 409, body: { code: 'VAULT_PROFILE_IN_USE' } });
      expect(refused.body.detail).toContain(name);
    }
    const instance = await stage.api.delete('/vault-instances/inside', { ifMatch: '*' });
    expect(instance).toMatchObject({ status: 409, body: { code: 'VAULT_INSTANCE_IN_USE' } });
    await stage.api.delete(`/secrets/${id}`, { ifMatch: '*' });
    await stage.becomes(id, 'deleted');
    for (const { profile } of [source, target])
      expect((await stage.api.delete(`/vault-profiles/${profile}`, { ifMatch: '*' })).status).toBe(204);
    // The history outlives both.
    const history = await stage.api.get(`/secrets/${id}/versions`);
    expect(history).toMatchObject({ status: 200, body: { items: [{ number: 1, profile: source.profile }] } });
  });
});
