import { createHmac } from 'node:crypto';
import { systemClock } from '@claviger/kernel';
import type { ApiAnswer, ApiClient, JsonBody } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { ID_TOKEN_SECONDS, OidcIssuer } from './oidc-issuer.js';
import { People } from './people.js';
import { unique } from './stage.js';

jest.setTimeout(60_000);

const any = { ifMatch: '*' };
const refused = { status: 401, body: { code: 'LOGIN_REFUSED' } };

let people: People;
let api: ApiClient;
let oidc: OidcIssuer;
let shop: string;
let readsShop: string;
/** How far the clock of both processes is ahead. */
let aheadMs = 0;
beforeAll(async () => {
  jest.spyOn(systemClock, 'now').mockImplementation(() => new Date(Date.now() + aheadMs));
  [people, oidc] = await Promise.all([People.open(), OidcIssuer.start()]);
  api = people.api;
  shop = `/secrets/${await people.secret('shop')}/content`;
  readsShop = await people.reads('shop');
});
afterAll(async () => {
  jest.restoreAllMocks();
  await oidc?.close();
  await people?.close();
});

/** Configures an issuer; its name. */
async function issuer(more: object = {}): Promise<string> {
  const name = unique('issuer');
  await people.make('login-issuers', {
    name,
    issuer: oidc.issuer,
    audiences: [oidc.audience],
    provisions: true,
    ...more,
  });
  return name;
}

const tryLogIn = (name: string, token: string, at = api): Promise<ApiAnswer> =>
  at.as(undefined).post('/login/jwt', { issuer: name, token });

/** A client with the token of a log-in. */
async function logIn(name: string, token: string): Promise<ApiClient> {
  const answer = await tryLogIn(name, token);
  expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 200 });
  return api.as(answer.body.token as string);
}

/** What an answer says, without what is never the same twice. */
const comparable = ({ status, body }: ApiAnswer): JsonBody => ({ ...body, status, requestId: '' });

/** An issuer that maps a value to a group which reads `shop`, with both names. */
async function mapping(more: object = {}): Promise<{ name: string; group: string }> {
  const group = await people.group(readsShop);
  const groupMappings = [{ value: 'shop-team', group }];
  return { group, name: await issuer({ groupsClaim: 'groups', groupMappings, ...more }) };
}

describe('who comes with an ID token of a configured issuer', () => {
  it('is known by it from then on, and has what their groups have, at every process', async () => {
    const { name, group } = await mapping({ nameClaim: 'email', displayNameClaim: 'name' });
    const account = unique('ada');
    const email = `${account}@example.org`;
    const token = await oidc.idToken(account, { email, name: 'Ada L', groups: ['shop-team', 'others'] });
    const answer = await tryLogIn(name, token);
    expect(answer).toMatchObject({
      status: 200,
      body: { details: { displayName: 'Ada L', isRenewable: false, ttlSeconds: 43_200, policies: [] } },
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    for (const at of people.everywhere(api.as(answer.body.token as string))) {
      expect((await at.get(shop)).status).toBe(200);
      expect((await at.get('/users')).status).toBe(403);
      expect((await at.get('/whoami')).body).toMatchObject({
        policies: [readsShop],
        principal: { kind: 'user', name: email, groups: [group] },
      });
    }
    expect(await tryLogIn(name, token, people.other)).toMatchObject({ status: 200 });
    expect((await api.get(`/login-issuers/${name}/links`)).body.items).toMatchObject([
      { name: email, subject: account },
    ]);
  });

  it('leaves a group within a second of a log-in without it', async () => {
    const { name } = await mapping();
    const account = unique('ada');
    const client = await logIn(name, await oidc.idToken(account, { groups: ['shop-team'] }));
    const without = await oidc.idToken(account, { groups: [] });
    await people.expectAfter(() => tryLogIn(name, without), client, shop, 404);
    const again = await oidc.idToken(account, { groups: ['shop-team'] });
    await people.expectAfter(() => tryLogIn(name, again), client, shop, 200);
  });

  it('leaves a group within a second of its mapping', async () => {
    const { name } = await mapping();
    const client = await logIn(name, await oidc.idToken(unique('ada'), { groups: ['shop-team'] }));
    const change = (): Promise<ApiAnswer> => api.patch(`/login-issuers/${name}`, { groupMappings: [] }, any);
    await people.expectAfter(change, client, shop, 404);
  });

  it('is out within a second when disabled, when the issuer is, and when it is deleted', async () => {
    const { name } = await mapping();
    const account = unique('ada');
    const token = await oidc.idToken(account, { groups: ['shop-team'] });
    const disable = (path: string) => () => api.patch(path, { isDisabled: true }, any);
    const enable = (path: string): Promise<ApiAnswer> => api.patch(path, { isDisabled: false }, any);
    for (const path of [`/users/${account}`, `/login-issuers/${name}`]) {
      await people.expectAfter(disable(path), await logIn(name, token), shop, 401);
      expect(await tryLogIn(name, token)).toMatchObject(refused);
      expect(await enable(path)).toMatchObject({ status: 200 });
    }
    const client = await logIn(name, token);
    await people.expectAfter(() => api.delete(`/login-issuers/${name}`, any), client, shop, 401);
    expect(await tryLogIn(name, token)).toMatchObject(refused);
    expect((await api.get(`/users/${account}`)).body).toMatchObject({ name: account, groups: [] });
  });

  it('is the one that the subject was linked to', async () => {
    const name = await issuer({ provisions: false });
    const ada = await people.user(readsShop);
    const token = await oidc.idToken('248289761001');
    expect(await tryLogIn(name, token)).toMatchObject(refused);
    const link = `/login-issuers/${name}/links/${ada.name}`;
    expect((await api.put(link, { subject: '248289761001' })).status).toBe(204);
    const client = await logIn(name, token);
    expect((await client.get('/whoami')).body).toMatchObject({ principal: { name: ada.name }, policies: [readsShop] });
    await people.expectAfter(() => api.delete(link), client, shop, 401);
    expect(await tryLogIn(name, token)).toMatchObject(refused);
  });
});

describe('a service with an access token that is a JWT', () => {
  it('is a service account, when its claims are as they must be', async () => {
    const service = { kind: 'service-account', audiences: [oidc.apiAudience] };
    const name = await issuer({ ...service, boundClaims: [{ claim: 'client_id', values: ['x', oidc.service] }] });
    const client = await logIn(name, await oidc.accessToken());
    expect((await client.get('/whoami')).body).toMatchObject({
      identity: expect.stringMatching(/^service-account:/),
      principal: { kind: 'service-account', name: oidc.service },
    });
    const strict = await issuer({ ...service, boundClaims: [{ claim: 'client_id', values: ['x'] }] });
    expect(await tryLogIn(strict, await oidc.accessToken())).toMatchObject(refused);
  });
});

describe('a token that is not right', () => {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

  it('is refused in the words of every refused log-in, whatever is wrong', async () => {
    const name = await issuer({ boundClaims: [{ claim: 'email_verified', values: [true] }] });
    const verified = { email_verified: true };
    const right = await oidc.idToken('right', verified);
    const [header, payload, signature] = right.split('.') as [string, string, string];
    const claims = { iss: oidc.issuer, aud: oidc.audience, sub: 'right', ...verified };
    const { kid } = oidc.key.jwk;
    const stranger = await generateKeyPair('RS256');
    const now = Math.floor(Date.now() / 1_000);
    const forged = `${encode({ alg: 'HS256', kid })}.${encode({ ...claims, iat: now, exp: now + 60 })}`;
    const hmac = createHmac('sha256', await exportSPKI(oidc.key.publicKey))
      .update(forged)
      .digest('base64url');
    const taken = await people.user();
    const [disabled, notThere] = [unique('disabled'), await issuer({ provisions: false })];
    await logIn(name, await oidc.idToken(disabled, verified));
    await api.patch(`/users/${disabled}`, { isDisabled: true }, any);
    const wrongs: readonly (readonly [string, string, string?])[] = [
      ['audience', right, await issuer({ audiences: ['another'] })],
      ['issuer', right, await issuer({ issuer: `${oidc.issuer}/`, jwksUrl: `${oidc.issuer}/jwks` })],
      ['no such issuer', right, 'nowhere'],
      ['bound claim', await oidc.idToken('right', { email_verified: false })],
      ['no bound claim', await oidc.idToken('right')],
      ['subject not linked', right, notThere],
      ['name taken', await oidc.idToken(taken.name, verified)],
      ['principal disabled', await oidc.idToken(disabled, verified)],
      ['expired', await oidc.sign({ ...claims, iat: now - 600, exp: now - 300 })],
      ['not yet', await oidc.sign({ ...claims, nbf: now + 300 })],
      ['no end', await oidc.sign({ ...claims, exp: undefined })],
      ['too long', await oidc.sign({ ...claims, exp: now + 2 * 86_400 })],
      ['log-out token', await oidc.sign(claims, { typ: 'logout+jwt' })],
      ['HMAC with the public key', `${forged}.${hmac}`],
      ['none', `${encode({ alg: 'none' })}.${payload}.`],
      ['signature of none', `${header}.${payload}.`],
      ['payload', `${header}.${encode({ ...claims, sub: 'root' })}.${signature}`],
      [
        'another key',
        await new SignJWT({ ...claims, iat: now, exp: now + 60 })
          .setProtectedHeader({ alg: 'RS256', kid: kid! })
          .sign(stranger.privateKey),
      ],
      ['no JWT', 'x'],
      ['empty', ''],
    ];
    const expected = comparable(await people.tryLogIn({ ...taken, password: 'a wrong password' }));
    expect(expected).toMatchObject({ status: 401, code: 'LOGIN_REFUSED' });
    const answers = await Promise.all(
      wrongs.map(async ([wrong, token, at = name]) => [wrong, comparable(await tryLogIn(at, token))] as const),
    );
    for (const [wrong, answer] of answers) expect([wrong, answer]).toEqual([wrong, expected]);
    await logIn(name, right);
    await people.logIn(taken);
  });

  it('is refused for its size before it is looked at', async () => {
    expect(await tryLogIn('anything', 'x'.repeat(16_385))).toMatchObject({
      status: 400,
      body: { code: 'INPUT_INVALID' },
    });
    expect(await tryLogIn('anything', 'x'.repeat(16_384))).toMatchObject(refused);
  });
});

describe('the keys of an issuer', () => {
  it('that cannot be fetched are a fault of nobody: it may be tried again', async () => {
    const token = await oidc.sign({});
    const nowhere = await issuer({ jwksUrl: 'http://169.254.169.254/latest/meta-data' });
    const other = await issuer({ jwksUrl: `${oidc.issuer}/nothing` });
    for (const name of [nowhere, other]) {
      const answer = await tryLogIn(name, token);
      expect(answer).toMatchObject({ status: 503, body: { code: 'LOGIN_ISSUER_UNAVAILABLE', retryable: true } });
      expect(answer.headers.get('retry-after')).toBe('10');
    }
  });

  // From here on the clock goes ahead, and never back.
  it('are fetched again for one that is new, and old ones are forgotten', async () => {
    const name = await issuer();
    const old = await oidc.idToken('ada');
    await logIn(name, old);
    await oidc.rotate();
    const next = await oidc.idToken('ada');
    expect(await tryLogIn(name, next)).toMatchObject(refused);
    aheadMs += 31_000;
    await logIn(name, next);
    expect(await tryLogIn(name, old)).toMatchObject(refused);
  });

  it('do not make a token good for longer than it says', async () => {
    const name = await issuer();
    const token = await oidc.idToken('ben');
    await logIn(name, token);
    aheadMs += (ID_TOKEN_SECONDS + 31) * 1_000;
    expect(await tryLogIn(name, token)).toMatchObject(refused);
  });
});
