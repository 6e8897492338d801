import { eventually, type ApiAnswer, type JsonBody } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { hasOpenBao, Stage, unique, type StageVault } from './stage.js';

jest.setTimeout(60_000);

let stage: Stage;
let source: StageVault;
beforeAll(async () => {
  stage = await Stage.open();
  source = await stage.vault('builtin');
});
afterAll(() => stage?.close());

const LISTS = [
  '/secrets',
  '/vault-instances',
  '/vault-profiles',
  '/policies',
  '/changes',
  '/users',
  '/service-accounts',
  '/groups',
  '/login-issuers',
  '/tokens',
];
const CHANGES = LISTS.indexOf('/changes');

/** Everything that people can change, as far as the API shows it. */
async function everything(): Promise<JsonBody> {
  const shown = await Promise.all(LISTS.map((list) => stage.api.all(list)));
  const places = await stage.app.database.dataSource.query('select physical_name from backend_place order by id');
  // Using a token is no change.
  const tokens = shown.pop()!.map(({ accessor, policies }: JsonBody) => ({ accessor, policies }));
  return [...shown, tokens, places];
}

/** Asks, and finds everything as it was before. */
async function expectNothingChanged(ask: () => Promise<unknown>): Promise<void> {
  const before = await everything();
  await ask();
  expect(await everything()).toEqual(before);
}

async function expectRefusal(ask: Promise<ApiAnswer>, status: number, code: string, details = {}): Promise<ApiAnswer> {
  const answer = await ask;
  expect(answer).toMatchObject({ status, body: { status, code } });
  if (Object.keys(details).length > 0) expect(answer.body.details).toMatchObject(details);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.body.detail.length).toBeGreaterThan(10);
  return answer;
}

const create = (more: object): Promise<ApiAnswer> =>
  stage.api.post('/secrets', {
    name: unique('bad'),
    type: 'key-value',
    content: { a: 'b' },
    sourceProfile: source.profile,
    ...more,
  });
const raw = (body: string, type = 'application/json', path = '/api/v1/secrets'): Promise<ApiAnswer> =>
  stage.api.raw({ method: 'POST', path, headers: { 'content-type': type }, body });

describe('bad input', () => {
  it('is answered with what is wrong, and changes nothing', async () => {
    const taken = await stage.secret({ source });
    const before = await everything();
    const instance = { name: unique('bad'), config: {} };
    await expectRefusal(stage.api.post('/vault-instances', { ...instance, kind: 'tape' }), 400, 'VAULT_KIND_UNKNOWN');
    const away = { ...instance, kind: 'kv', config: { address: 'http://127.0.0.1:1' } };
    const credentials = { type: 'token', token: 'x' };
    const unreachable = stage.api.post('/vault-instances', { ...away, credentials });
    const reason: unknown = expect.stringMatching(/^http:\/\/127\.0\.0\.1:1: nothing listens/);
    await expectRefusal(unreachable, 503, 'VAULT_CHECK_FAILED', { status: 'unreachable', reason });
    const itself = stage.api.post('/vault-instances', { ...away, config: { address: stage.api.url }, credentials });
    const loop: unknown = expect.stringContaining('leads back to this Claviger itself');
    await expectRefusal(itself, 400, 'VAULT_CHECK_FAILED', { status: 'misconfigured', reason: loop });
    const link = { ...away, config: { address: 'http://169.254.169.254' }, credentials };
    await expectRefusal(stage.api.post('/vault-instances', link), 400, 'VAULT_CHECK_FAILED');

    await expectRefusal(create({ type: 'basic-auth' }), 400, 'CONTENT_NOT_OF_TYPE');
    await expectRefusal(create({ content: { a: 'x'.repeat(70_000) } }), 413, 'CONTENT_TOO_LARGE');
    await expectRefusal(create({ name: '../up' }), 400, 'NAME_INVALID');
    await expectRefusal(create({ name: 'a//b' }), 400, 'NAME_INVALID');
    await expectRefusal(create({ name: 'a/%2e%2e/b' }), 400, 'NAME_INVALID');
    await expectRefusal(create({ name: taken.name }), 409, 'SECRET_EXISTS', { name: taken.name });
    await expectRefusal(create({ sourceProfile: 'nowhere' }), 400, 'VAULT_PROFILE_UNKNOWN', { profile: 'nowhere' });
    await expectRefusal(create({ syncProfiles: ['nowhere'] }), 400, 'VAULT_PROFILE_UNKNOWN', { profile: 'nowhere' });
    for (const field of ['description', 'owner', 'reason'])
      await expectRefusal(create({ [field]: 'a\u0000b' }), 400, 'INPUT_INVALID');
    await expectRefusal(create({ labels: { team: 'a\u0000b' } }), 400, 'INPUT_INVALID');

    await expectRefusal(raw('{"name":"a","name":"b"}'), 400, 'BODY_INVALID', { reason: 'duplicate_key', line: 1 });
    await expectRefusal(raw('{"content":{"a":1,"a":1}}'), 400, 'BODY_INVALID', { reason: 'duplicate_key' });
    await expectRefusal(raw('{"name":\n oops}'), 400, 'BODY_INVALID', { reason: 'syntax', line: 2 });
    await expectRefusal(raw('{}', 'text/plain'), 415, 'CONTENT_TYPE_UNSUPPORTED');
    await expectRefusal(raw(`{"a":"${'x'.repeat(1_100_000)}"}`), 413, 'BODY_TOO_LARGE');
    await expectRefusal(stage.api.raw({ method: 'GET', path: '/api/v1/%zz' }), 400, 'REQUEST_INVALID');
    await expectRefusal(stage.api.get('/nothing'), 404, 'ROUTE_NOT_FOUND');
    const policy = '{\n  "path": {\n    "a": { "capabilities": ["fly"] }\n  }\n}';
    const syntax = stage.api.post('/policies', { name: unique('bad'), policy });
    const refused = await expectRefusal(syntax, 400, 'POLICY_INVALID', { line: 3 });
    expect(refused.body.detail).toMatch(/line 3, column \d+/);
    for (const [resource, text] of [
      ['users', 'displayName'],
      ['service-accounts', 'displayName'],
      ['groups', 'description'],
    ] as const) {
      const name = unique('bad');
      for (const body of [
        {},
        { name: 'Two Words' },
        { name: 'x'.repeat(129) },
        { name, [text]: 'a\u0007b' },
        { name, [text]: 'a\u0000b' },
        { name, [text]: 'x'.repeat(257) },
        { name, policies: 'developer' },
        { name, policies: ['no policy has such a name'] },
        { name, policies: Array.from({ length: 65 }, (_, i) => `p${i}`) },
        { name, tokenTtlSeconds: 0 },
        { name, password: 'too short' },
        { name, nosuch: 'field' },
      ])
        await expectRefusal(stage.api.post(`/${resource}`, body), 400, 'INPUT_INVALID');
      const code = resource === 'groups' ? 'GROUP_NOT_FOUND' : 'PRINCIPAL_NOT_FOUND';
      await expectRefusal(stage.api.get(`/${resource}/Two%20Words`), 404, code);
    }
    for (const body of [{}, { name: 'ada' }, { name: 'ada', password: 1 }, { name: ['ada'], password: 'x' }])
      await expectRefusal(stage.api.as(undefined).post('/login/password', body), 400, 'INPUT_INVALID');
    await expectRefusal(stage.api.as('expired').get('/whoami'), 401, 'TOKEN_INVALID');
    expect(await everything()).toEqual(before);
  });

  it('about a login issuer says what is wrong with it, and changes nothing', async () => {
    const right = { name: unique('issuer'), issuer: 'https://id.example', audiences: ['x'] };
    await stage.register('login-issuers', right);
    await expectNothingChanged(async () => {
      const name = unique('bad');
      for (const more of [
        { issuer: 'id.example' },
        { issuer: undefined },
        { audiences: [] },
        { audiences: undefined },
        { algorithms: [] },
        { algorithms: ['none'] },
        { algorithms: ['RS256', 'HS256'] },
        { jwksUrl: 'file:///keys' },
        { caCertificate: 'no certificate' },
        { boundClaims: [{ claim: 'a', values: [] }] },
        { boundClaims: [{ claim: 'a', values: [null] }] },
        { groupMappings: [{ value: 'x', group: 'nowhere' }], groupsClaim: 'groups' },
        { groupMappings: [{ value: 'x', group: 'nowhere' }] },
        { kind: 'robot' },
        { tokenTtlSeconds: 0 },
        { leewaySeconds: 301 },
        { maxLifetimeSeconds: 59 },
        { name: 'Two Words' },
        { subjectClaim: '' },
        { nosuch: 'field' },
      ])
        await expectRefusal(stage.api.post('/login-issuers', { ...right, name, ...more }), 400, 'INPUT_INVALID');
      const path = `/login-issuers/${right.name}`;
      for (const body of [{ issuer: 'https://other.example' }, { subjectClaim: 'email' }, { kind: 'user' }, { name }])
        await expectRefusal(stage.api.patch(path, body, { ifMatch: '*' }), 400, 'INPUT_INVALID');
      await expectRefusal(stage.api.patch(path, {}), 428, 'IF_MATCH_REQUIRED');
      await expectRefusal(stage.api.patch(path, {}, { ifMatch: 7 }), 412, 'STALE_MATCH', { current: 1 });
      await expectRefusal(stage.api.get('/login-issuers/Two%20Words'), 404, 'LOGIN_ISSUER_NOT_FOUND');
      for (const body of [{}, { issuer: 'x' }, { token: 'x' }, { issuer: 'x', token: 1 }, { issuer: 1, token: 'x' }])
        await expectRefusal(stage.api.as(undefined).post('/login/jwt', body), 400, 'INPUT_INVALID');
    });
  });

  it('about a deleted secret is told so, and nothing comes back to life', async () => {
    const { id } = await stage.secret({ source });
    await stage.api.delete(`/secrets/${id}`, { ifMatch: '*' });
    const any = { ifMatch: '*' };
    for (const ask of [
      stage.api.get(`/secrets/${id}/content`),
      stage.api.put(`/secrets/${id}/content`, { content: { a: 'b' } }, any),
      stage.api.post(`/secrets/${id}/versions/1/restore`),
    ])
      await expectRefusal(ask, 409, 'SECRET_NOT_ACTIVE', { state: 'deleted' });
    for (const ask of [
      stage.api.patch(`/secrets/${id}`, { description: 'mine' }, any),
      stage.api.delete(`/secrets/${id}`, any),
    ])
      expect([404, 409]).toContain((await ask).status);
    expect(await stage.show(id)).toMatchObject({ state: 'deleted' });
  });

  it('about a name that does not fit one of the targets names that target, and is written nowhere', async () => {
    const near = await stage.vault('builtin');
    const far = await stage.vault('builtin', unique('far'), { prefix: 'p'.repeat(500) });
    const templated = await stage.vault('builtin', unique('templated'), { nameTemplate: `{name}/${'t'.repeat(240)}` });
    const name = unique('long-enough-name');
    const long = 'n'.repeat(300);
    const unfit = { profile: far.profile, rule: expect.stringContaining('512') };
    const { id } = await stage.secret({ source, name: unique('exists-already'), targets: [near] });
    await stage.inSync(id);
    await expectNothingChanged(async () => {
      const refused = await expectRefusal(
        create({ name, syncProfiles: [near.profile, far.profile] }),
        400,
        'NAME_UNFIT',
        unfit,
      );
      expect(refused.body.detail).toContain(`does not fit the profile ${far.profile}: `);
      await expectRefusal(create({ name: long, syncProfiles: [templated.profile] }), 400, 'NAME_UNFIT', {
        profile: templated.profile,
      });
      await expectRefusal(create({ name, sourceProfile: far.profile }), 400, 'NAME_UNFIT', unfit);
      const add = stage.api.post(`/secrets/${id}/sync-profiles`, { profile: far.profile });
      await expectRefusal(add, 400, 'NAME_UNFIT', unfit);
    });
    expect(await source.read(name)).toBeUndefined();
    expect(await near.read(name)).toBeUndefined();
    expect(await stage.targets(id)).toMatchObject([{ profile: near.profile }]);
  });

  it('with a stale or missing If-Match changes nothing', async () => {
    const { id } = await stage.secret({ source });
    await stage.write(id, { value: 'two' });
    const { etag } = await stage.api.get(`/secrets/${id}`);
    await stage.api.patch(`/secrets/${id}`, { description: 'mine' }, { ifMatch: etag! });
    const content = { content: { value: 'three' } };
    await expectNothingChanged(async () => {
      for (const [options, status, code] of [
        [{ ifMatch: etag! }, 412, 'STALE_MATCH'],
        [{}, 428, 'IF_MATCH_REQUIRED'],
      ] as const) {
        await expectRefusal(stage.api.patch(`/secrets/${id}`, { description: 'yours' }, options), status, code);
        await expectRefusal(stage.api.delete(`/secrets/${id}`, options), status, code);
        await expectRefusal(
          stage.api.put(`/secrets/${id}/content`, content, 'ifMatch' in options ? { ifMatch: 1 } : {}),
          status,
          code,
        );
      }
    });
    expect(await stage.content(id)).toEqual({ value: 'two' });
  });

  it('with a token that is expired, revoked or none changes nothing', async () => {
    const { id } = await stage.secret({ source });
    const [short, revoked] = await Promise.all(
      [{ ttlSeconds: 1 }, {}].map(
        async (more) => (await stage.api.post('/tokens', { policies: ['admin'], ...more })).body,
      ),
    );
    await stage.api.delete(`/tokens/${revoked.details.accessor}`);
    await eventually(async () => expect((await stage.api.as(short.token).get('/whoami')).status).toBe(401));
    await expectNothingChanged(async () => {
      for (const token of [short.token, revoked.token, 'none', undefined] as (string | undefined)[]) {
        const caller = stage.api.as(token);
        for (const ask of [
          caller.put(`/secrets/${id}/content`, { content: { value: 'two' } }, { ifMatch: '*' }),
          caller.delete(`/secrets/${id}`, { ifMatch: '*' }),
          caller.post('/policies', { name: unique('bad'), policy: '{"path":{}}' }),
          caller.get(`/secrets/${id}/content`),
        ])
          await expectRefusal(ask, 401, token === undefined ? 'TOKEN_MISSING' : 'TOKEN_INVALID');
      }
    });
    expect(await stage.content(id)).toEqual({ value: 'one' });
  });

  (hasOpenBao ? it : it.skip)('about a real vault names what is wrong with it', async () => {
    const config = { address: stage.bao!.address };
    const name = unique('bad');
    const before = await everything();
    const wrong = { name, kind: 'kv', config, credentials: { type: 'token', token: 'wrong' } };
    await expectRefusal(stage.api.post('/vault-instances', wrong), 400, 'VAULT_CHECK_FAILED', {
      status: 'unauthenticated',
    });
    const profile = { name: unique('bad'), instance: 'openbao', mount: 'not-there' };
    await expectRefusal(stage.api.post('/vault-profiles', profile), 400, 'VAULT_CHECK_FAILED');
    expect(await everything()).toEqual(before);
    const kv2 = await stage.vault('kv2');
    const registered = await everything();
    const nonBreaking = create({ name: `${name}\u00a0x`, syncProfiles: [kv2.profile] });
    await expectRefusal(nonBreaking, 400, 'NAME_UNFIT', { profile: kv2.profile });
    const inexact = await stage.api.raw({
      method: 'POST',
      path: '/api/v1/secrets',
      headers: { 'content-type': 'application/json' },
      body: `{"name":"n","type":"key-value","sourceProfile":"${source.profile}","syncProfiles":["${kv2.profile}"],"content":{"big":12345678901234567890}}`,
    });
    expect(inexact).toMatchObject({
      status: 400,
      body: { code: 'NUMBER_INEXACT', details: { profile: kv2.profile, pointer: '/big' } },
    });
    await stage.bao!.must({ method: 'PUT', path: 'sys/seal' });
    const sealed = { name, kind: 'kv', config, credentials: { type: 'token', token: stage.bao!.rootToken } };
    await expectRefusal(stage.api.post('/vault-instances', sealed), 503, 'VAULT_CHECK_FAILED', { status: 'sealed' });
    expect((await stage.api.get(`/vault-instances/${name}`)).status).toBe(404);
    // What could not be done remains as a failed change, to be tried again, and as nothing else.
    await expectRefusal(create({ name, sourceProfile: kv2.profile }), 503, 'VAULT_SEALED');
    const after = await everything();
    expect(after[CHANGES].slice(1)).toEqual(registered[CHANGES]);
    expect(after[CHANGES][0]).toMatchObject({ state: 'failed', subject: `${kv2.profile}/${name}` });
    expect({ ...after, [CHANGES]: [] }).toEqual({ ...registered, [CHANGES]: [] });
  });
});
