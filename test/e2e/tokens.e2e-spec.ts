import type { ApiClient, JsonBody } from '@claviger/testing';
import { eventually } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { expectWithinASecond, tellRevocationStory } from './revocation-story.js';
import { Stage } from './stage.js';

jest.setTimeout(60_000);

let stage: Stage;
let api: ApiClient;
let other: ApiClient;
beforeAll(async () => {
  stage = await Stage.open({ bao: false, cluster: true });
  [api, other] = stage.app.apis as [ApiClient, ApiClient];
  await stage.vault('builtin', 'prod');
});
afterAll(() => stage?.close());

function expectCreated(answer: { status: number; body: JsonBody }): JsonBody {
  expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 201 });
  return answer.body;
}

const make = async (as: ApiClient, body: object = {}): Promise<{ client: ApiClient; accessor: string }> => {
  const { token, details } = expectCreated(await as.post('/tokens', body));
  return { client: as.as(token as string), accessor: details.accessor as string };
};
const status = async (client: ApiClient): Promise<number> => (await client.get('/whoami')).status;
const at = (where: ApiClient, { client }: { client: ApiClient }): ApiClient => where.as(client.token);

describe('a revoked token', () => {
  tellRevocationStory(() => stage);

  it('leaves orphans and its parent alone', async () => {
    const parent = await make(api, { policies: ['root'] });
    const orphan = await make(parent.client, { policies: ['developer'], isOrphan: true });
    const child = await make(parent.client, { policies: ['developer'] });
    expect((await child.client.delete('/tokens/self')).status).toBe(204);
    expect(await status(child.client)).toBe(401);
    expect(await status(parent.client)).toBe(200);
    expect((await api.delete(`/tokens/${parent.accessor}`)).status).toBe(204);
    expect(await status(orphan.client)).toBe(200);
    expect(await status(at(other, orphan))).toBe(200);
  });

  it('is unknown by its accessor from then on', async () => {
    const { accessor } = await make(api, { policies: ['developer'] });
    expect((await api.get(`/tokens/${accessor}`)).body).toMatchObject({ accessor, policies: ['developer'] });
    await api.delete(`/tokens/${accessor}`);
    for (const answer of [await api.get(`/tokens/${accessor}`), await api.delete(`/tokens/${accessor}`)])
      expect(answer).toMatchObject({ status: 404, body: { code: 'TOKEN_NOT_FOUND' } });
  });
});

describe('a changed policy', () => {
  const text = (capabilities: readonly string[]): string =>
    JSON.stringify({
      path: { 'claviger/vault-profiles/*': { capabilities }, 'claviger/vault-profiles/': { capabilities } },
    });
  const profiles = async (client: ApiClient): Promise<number> => (await client.get('/vault-profiles/prod')).status;

  it('acts on existing tokens in both apis within a second', async () => {
    const name = 'reads-profiles';
    expectCreated(await api.post('/policies', { name, policy: text(['read']) }));
    const token = await make(api, { policies: [name] });
    for (const where of [api, other]) expect(await profiles(at(where, token))).toBe(200);
    const { etag } = await api.get(`/policies/${name}`);
    const changed = await api.put(`/policies/${name}`, { policy: text(['deny']) }, { ifMatch: etag! });
    expect(changed).toMatchObject({ status: 200, body: { revision: 2 }, etag: '2' });
    const since = performance.now();
    expect(await profiles(at(api, token))).toBe(403);
    await expectWithinASecond(since, () => profiles(at(other, token)), 403);
    expect((await api.put(`/policies/${name}`, { policy: text(['read']) }, { ifMatch: 1 })).status).toBe(412);
    await api.put(`/policies/${name}`, { policy: text(['read']) }, { ifMatch: 2 });
    await eventually(async () => expect(await profiles(at(other, token))).toBe(200));
    expect((await api.delete(`/policies/${name}`, { ifMatch: 3 })).status).toBe(204);
    await expectWithinASecond(performance.now(), () => profiles(at(other, token)), 403);
    expect(await status(at(other, token))).toBe(200);
  });

  it('must not be one of those that come with Claviger', async () => {
    for (const name of ['admin', 'operator', 'approver', 'auditor', 'developer']) {
      const { body, etag } = await api.get(`/policies/${name}`);
      expect(body).toMatchObject({ name, isReady: true });
      const refusal = { status: 409, body: { code: 'POLICY_IMMUTABLE' } };
      expect(await api.put(`/policies/${name}`, { policy: text(['read']) }, { ifMatch: etag! })).toMatchObject(refusal);
      expect(await api.delete(`/policies/${name}`, { ifMatch: '*' })).toMatchObject(refusal);
      expect(await api.post('/policies', { name, policy: text(['read']) })).toMatchObject(refusal);
    }
    expect((await api.post('/policies', { name: 'root', policy: text(['read']) })).status).toBe(409);
    expect((await api.get('/policies/root')).status).toBe(404);
  });
});

describe('a token', () => {
  it('is made of less than its maker has, unless the maker has sudo', async () => {
    const grants = { 'claviger/tokens/': { capabilities: ['create'] } };
    expectCreated(await api.post('/policies', { name: 'maker', policy: JSON.stringify({ path: grants }) }));
    const maker = await make(api, { policies: ['maker', 'auditor'] });
    expect((await make(maker.client)).accessor).toBeDefined();
    expect((await make(maker.client, { policies: ['auditor'] })).accessor).toBeDefined();
    const refused = { status: 403 };
    for (const body of [
      { policies: ['developer'] },
      { policies: ['auditor', 'admin'] },
      { policies: ['root'] },
      { isOrphan: true },
    ])
      expect(await maker.client.post('/tokens', body)).toMatchObject(refused);
    const admin = await make(api, { policies: ['admin'] });
    expect((await make(admin.client, { policies: ['developer'] })).accessor).toBeDefined();
    expect(await admin.client.post('/tokens', { policies: ['root'] })).toMatchObject(refused);
    const developer = await make(api, { policies: ['developer'] });
    expect(await developer.client.post('/tokens', {})).toMatchObject(refused);
  });

  it('is good for as many requests as it was made for', async () => {
    const limited = await make(api, { policies: ['developer'], uses: 3 });
    const answers = [];
    for (const where of [api, other, api, other, api])
      answers.push((await at(where, limited).get('/vault-profiles/prod')).status);
    expect(answers).toEqual([200, 200, 200, 401, 401]);
  });

  it('can do with its last use whatever concerns itself', async () => {
    const lastUse = async (): Promise<ApiClient> => (await make(api, { policies: ['admin'], uses: 1 })).client;
    const whoami = await lastUse();
    expect(await whoami.get('/whoami')).toMatchObject({ status: 200, body: { token: { usesLeft: 0 } } });
    const self = await lastUse();
    expect(await self.get('/tokens/self')).toMatchObject({ status: 200, body: { usesLeft: 0 } });
    const renew = await lastUse();
    expect(await renew.post('/tokens/self/renew')).toMatchObject({ status: 200 });
    const revoke = await lastUse();
    expect((await revoke.delete('/tokens/self')).status).toBe(204);
    const parent = await lastUse();
    expect(await parent.post('/tokens', {})).toMatchObject({ body: { code: 'TOKEN_LIMITED' } });
    for (const client of [whoami, self, renew, revoke, parent])
      for (const where of [api, other]) expect(await status(where.as(client.token))).toBe(401);
    const { accessor, client } = await make(api, { policies: ['developer'], uses: 1 });
    expect(await status(client)).toBe(200);
    expect(await api.get(`/tokens/${accessor}`)).toMatchObject({ status: 404, body: { code: 'TOKEN_NOT_FOUND' } });
  });

  it('ends when its time is over, and lives longer when it is renewed', async () => {
    const short = await make(api, { policies: ['developer'], ttlSeconds: 2 });
    const renewed = await make(api, {
      policies: ['developer'],
      ttlSeconds: 2,
      maxTtlSeconds: 3_600,
      isRenewable: true,
    });
    const fixed = await make(api, { policies: ['developer'], ttlSeconds: 60, isRenewable: false });
    expect(await status(short.client)).toBe(200);
    const answer = await renewed.client.post('/tokens/self/renew', { ttlSeconds: 600 });
    expect(answer.status).toBe(200);
    expect(new Date(answer.body.expiresAt as string).getTime()).toBeGreaterThan(Date.now() + 500_000);
    expect(await fixed.client.post('/tokens/self/renew')).toMatchObject({
      status: 409,
      body: { code: 'TOKEN_NOT_RENEWABLE' },
    });
    const beyond = await renewed.client.post('/tokens/self/renew', { ttlSeconds: 86_400 });
    expect(new Date(beyond.body.expiresAt as string).getTime()).toBeLessThan(Date.now() + 3_601_000);
    await eventually(async () => expect(await status(short.client)).toBe(401));
    for (const where of [api, other]) expect(await status(at(where, renewed))).toBe(200);
  });

  it('tells about itself and nothing that could be used', async () => {
    const { client, accessor } = await make(api, { policies: ['developer'], displayName: 'ci', ttlSeconds: 60 });
    const { body, text } = await client.get('/whoami');
    expect(body).toMatchObject({ displayName: 'ci', policies: ['developer'], token: { accessor, displayName: 'ci' } });
    expect(text).not.toContain(client.token);
    expect((await client.get('/tokens/self')).body.accessor).toBe(accessor);
    expect((await client.get(`/tokens/${accessor}`)).status).toBe(403);
    expect((await client.get('/tokens')).status).toBe(403);
    for (const { text: seen } of [await api.get('/tokens?limit=200'), await api.get(`/tokens/${accessor}`)])
      expect(seen).not.toContain(client.token);
  });

  it('is refused alike whether it was never there, is malformed, or is an accessor', async () => {
    const { accessor } = await make(api, { policies: ['developer'] });
    const never = stage.app.rootToken.replace(/.{4}$/, 'AAAA');
    const answers = await Promise.all(
      [never, 'x', accessor, `${stage.app.rootToken}x`, 'ÿÿÿÿ', 'a'.repeat(4_000)].map((token) =>
        api.as(token).get('/whoami'),
      ),
    );
    for (const { status: code, body } of answers) {
      expect(code).toBe(401);
      expect({ ...body, requestId: '' }).toEqual({ ...answers[0]!.body, requestId: '' });
    }
    const vaultStyle = await api.as(undefined).get('/whoami', { headers: { 'x-vault-token': stage.app.rootToken } });
    expect(vaultStyle.status).toBe(200);
  });
});

describe('work of one api', () => {
  it('is replicated by the worker, and seen at once by the other', async () => {
    await api.post('/vault-profiles', { name: 'dr', instance: 'inside', mount: 'dr' }).then(expectCreated);
    const { secret } = expectCreated(
      await other.post('/secrets', {
        name: 'a/b',
        type: 'key-value',
        content: { value: 'one' },
        sourceProfile: 'prod',
        syncProfiles: ['dr'],
      }),
    );
    await eventually(async () => {
      const { body } = await api.get(`/secrets/${secret.id}/targets`);
      expect(body.items).toMatchObject([{ profile: 'dr', status: 'in_sync' }]);
    });
    expect((await api.get(`/secrets/${secret.id}/content`)).body.content).toEqual({ value: 'one' });
  });
});
