import { beforeEach, describe, expect, it } from '@jest/globals';
import { captureLogs, FakeClock } from '@claviger/testing';
import { jwtVerify } from 'jose';
import { FAKE_ISS, FakeIssuer, newKey } from '../../../../testing/src/fake-issuer.js';
import { FAILURE_RESTS_MS, IssuerKeys, KEYS_LIVE_MS, KEYS_REST_MS, type KeySource } from './issuer-keys.js';

const SOURCE: KeySource = { id: 'i', revision: 1, name: 'x', issuer: FAKE_ISS, jwksUrl: null, caCertificate: null };
const DISCOVERY = `${FAKE_ISS}/.well-known/openid-configuration`;
const KEYS = `${FAKE_ISS}/keys`;

let clock: FakeClock;
let issuer: FakeIssuer;
let keys: IssuerKeys;
let logs: ReturnType<typeof captureLogs>;
beforeEach(() => {
  clock = new FakeClock();
  issuer = new FakeIssuer(clock);
  logs = captureLogs();
  keys = new IssuerKeys(issuer, logs.logger, clock);
});

/** `right`, or what came of it; with the token of now unless another is given. */
async function verify(source: Partial<KeySource> = {}, token = issuer.token()): Promise<string> {
  const options = { currentDate: clock.now() };
  return jwtVerify((await token).reveal(), keys.of({ ...SOURCE, ...source }), options).then(
    () => 'right',
    (error: { code: string }) => error.code,
  );
}

describe('the keys of an issuer', () => {
  it('are found by its discovery document, or where it is said', async () => {
    expect(await verify()).toBe('right');
    expect(await verify({ id: 'slash', issuer: FAKE_ISS, jwksUrl: 'https://elsewhere.test/keys' })).toBe('right');
    expect(issuer.fetched).toEqual([DISCOVERY, KEYS, 'https://elsewhere.test/keys']);
  });

  it('are fetched once for all who ask at a time, and kept for ten minutes', async () => {
    expect(new Set(await Promise.all(Array.from({ length: 5 }, () => verify())))).toEqual(new Set(['right']));
    await clock.advance(KEYS_LIVE_MS - 1);
    expect(await verify()).toBe('right');
    expect(issuer.fetched).toHaveLength(2);
    await clock.advance(1);
    expect(await verify()).toBe('right');
    expect(issuer.fetched).toHaveLength(4);
  });

  it('are fetched again for one that is not known, but not at every beck', async () => {
    const old = issuer.token();
    expect(await verify({}, old)).toBe('right');
    await issuer.rotate();
    expect(await verify()).toBe('ERR_JWKS_NO_MATCHING_KEY');
    expect(issuer.fetched).toHaveLength(2);
    await clock.advance(KEYS_REST_MS);
    expect(await verify()).toBe('right');
    expect(issuer.fetched).toHaveLength(4);
    expect(await verify({}, old)).toBe('ERR_JWKS_NO_MATCHING_KEY');
    const strange = issuer.token({}, { kid: 'strange' });
    for (let i = 0; i < 3; i += 1) expect(await verify({}, strange)).toBe('ERR_JWKS_NO_MATCHING_KEY');
    expect(issuer.fetched).toHaveLength(4);
  });

  it('are given up once they are taken back and ten minutes old', async () => {
    const old = issuer.token({ exp: clock.now().getTime() / 1_000 + 3_600 });
    expect(await verify({}, old)).toBe('right');
    await issuer.rotate();
    await clock.advance(KEYS_LIVE_MS);
    expect(await verify({}, old)).toBe('ERR_JWKS_NO_MATCHING_KEY');
  });

  it('are fetched again when the clock was put back', async () => {
    let now = clock.now();
    keys = new IssuerKeys(issuer, logs.logger, { now: () => now, sleep: () => clock.sleep(0) });
    expect(await verify()).toBe('right');
    now = new Date(now.getTime() - 1_000);
    expect(await verify()).toBe('right');
    expect(issuer.fetched).toHaveLength(4);
  });

  it('are not known while they cannot be fetched, which is tried again after a while', async () => {
    issuer.failure = Object.assign(new Error('secret answer'), { code: 'ECONNREFUSED' });
    expect(await verify()).toBe('LOGIN_ISSUER_UNAVAILABLE');
    issuer.failure = undefined;
    expect(await verify()).toBe('LOGIN_ISSUER_UNAVAILABLE');
    expect(issuer.fetched).toHaveLength(1);
    await clock.advance(FAILURE_RESTS_MS);
    expect(await verify()).toBe('right');
    expect(logs.lines('login-issuer.keys-unavailable')).toMatchObject([
      { level: 'warn', issuerId: 'i', error: { code: 'ECONNREFUSED' } },
    ]);
    expect(logs.text()).not.toContain('secret answer');
  });

  it('stay known while a newer set cannot be fetched, until they are too old', async () => {
    expect(await verify()).toBe('right');
    await clock.advance(KEYS_REST_MS);
    issuer.failure = new Error('down');
    expect(await verify({}, issuer.token({}, { kid: 'strange' }))).toBe('LOGIN_ISSUER_UNAVAILABLE');
    expect(await verify({}, issuer.token({}, { kid: 'strange' }))).toBe('ERR_JWKS_NO_MATCHING_KEY');
    expect(await verify()).toBe('right');
    await clock.advance(KEYS_LIVE_MS);
    expect(await verify()).toBe('LOGIN_ISSUER_UNAVAILABLE');
  });

  it('are asked for anew when the issuer is changed, and are those of one issuer only', async () => {
    expect(await verify()).toBe('right');
    expect(await verify({ revision: 2 })).toBe('right');
    expect(issuer.fetched).toHaveLength(4);
    issuer.documents.set('https://other.test/keys', { keys: [(await newKey('key-0')).jwk] });
    expect(await verify({ id: 'other', jwksUrl: 'https://other.test/keys' })).toBe(
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    );
  });

  it.each<[string, string, unknown]>([
    ['another issuer’s document', DISCOVERY, { issuer: 'https://evil.test', jwks_uri: KEYS }],
    ['nearly the same issuer', DISCOVERY, { issuer: `${FAKE_ISS}/`, jwks_uri: KEYS }],
    ['no issuer', DISCOVERY, { jwks_uri: KEYS }],
    ['no address', DISCOVERY, { issuer: FAKE_ISS }],
    ['plain http', DISCOVERY, { issuer: FAKE_ISS, jwks_uri: 'http://issuer.test/keys' }],
    ['another protocol', DISCOVERY, { issuer: FAKE_ISS, jwks_uri: 'file:///keys' }],
    ['no URL', DISCOVERY, { issuer: FAKE_ISS, jwks_uri: 'keys' }],
    ['no object', DISCOVERY, ['x']],
    ['no set', KEYS, { key: [] }],
    ['no keys', KEYS, { keys: ['x'] }],
    ['too many keys', KEYS, { keys: Array.from({ length: 101 }, () => ({ kty: 'EC' })) }],
  ])('are not believed from %s', async (_, address, document) => {
    issuer.documents.set(address, document);
    expect(await verify()).toBe('LOGIN_ISSUER_UNAVAILABLE');
    expect(logs.lines('login-issuer.keys-unavailable')).toMatchObject([
      { error: { code: 'ISSUER_DOCUMENT_UNUSABLE' } },
    ]);
  });
});
