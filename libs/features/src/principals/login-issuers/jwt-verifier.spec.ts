import { createHmac } from 'node:crypto';
import { SecretValue } from '@claviger/kernel';
import { captureLogs, FakeClock } from '@claviger/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { CompactSign, exportSPKI, importJWK, type CryptoKey, type JWTPayload } from 'jose';
import { FAKE_AUDIENCE, FAKE_ISS, FakeIssuer, newKey } from '../../../../testing/src/fake-issuer.js';
import { IssuerKeys } from './issuer-keys.js';
import { JwtVerifier, MAX_JWT_BYTES } from './jwt-verifier.js';
import { ISSUER_DEFAULTS } from './login-issuer-input.policy.js';
import type { LoginIssuerEntity } from './login-issuer.entity.js';

let clock: FakeClock;
let issuer: FakeIssuer;
let verifier: JwtVerifier;
beforeEach(() => {
  clock = new FakeClock();
  issuer = new FakeIssuer(clock);
  verifier = new JwtVerifier(new IssuerKeys(issuer, captureLogs().logger, clock), clock);
});

const ISSUER = {
  ...ISSUER_DEFAULTS,
  id: 'i',
  revision: 1,
  issuer: FAKE_ISS,
  audiences: ['other', FAKE_AUDIENCE],
  nameClaim: 'sub',
} as unknown as LoginIssuerEntity;

/** `in`, `unsigned`, or the refusal. */
async function verdictOn(token: SecretValue<string> | string, more: Partial<LoginIssuerEntity> = {}): Promise<string> {
  const text = typeof token === 'string' ? new SecretValue(token) : token;
  const verdict = await verifier.verify({ ...ISSUER, ...more }, text);
  if (verdict === 'unsigned') return verdict;
  return 'refusal' in verdict ? verdict.refusal : 'in';
}

const seconds = (): number => clock.now().getTime() / 1_000;
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a JWT', () => {
  it('speaks of its subject when it is signed by the issuer, for us, and now', async () => {
    expect(await verdictOn(await issuer.token())).toBe('in');
    expect(await verdictOn(await issuer.token({ aud: ['x', FAKE_AUDIENCE] }))).toBe('in');
    for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/at+jwt'])
      expect([typ, await verdictOn(await issuer.token({}, { typ }))]).toEqual([typ, 'in']);
  });

  it.each<[string, object]>([
    ['claim-iss', { iss: 'https://evil.test' }],
    ['claim-iss', { iss: `${FAKE_ISS}/` }],
    ['claim-iss', { iss: undefined }],
    ['claim-iss', { iss: [FAKE_ISS] }],
    ['claim-aud', { aud: 'somebody else' }],
    ['claim-aud', { aud: undefined }],
    ['claim-aud', { aud: [] }],
    ['claim-exp', { exp: undefined }],
    ['claim-iat', { iat: undefined }],
    ['expired', { exp: 1 }],
    ['claim-nbf', { nbf: 4_000_000_000 }],
    ['lifetime', { exp: 4_000_000_000 }],
    ['no-subject', { sub: undefined }],
  ])('is refused as %s with %j', async (expected, claims) => {
    expect(await verdictOn(await issuer.token(claims as JWTPayload))).toBe(expected);
  });

  it.each(['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'x'])('of the type %s is made for something else', async (typ) => {
    expect(await verdictOn(await issuer.token({}, { typ }))).toBe('type');
  });

  it('ends with its time and the leeway', async () => {
    const token = await issuer.token();
    await clock.advance(60_000 + 29_000);
    expect(await verdictOn(token)).toBe('in');
    await clock.advance(1_000);
    expect(await verdictOn(token)).toBe('expired');
  });

  it('of another key, or of nobody, is not the issuer’s', async () => {
    const { kid } = (await issuer.key()).jwk;
    const token = (await issuer.token()).reveal();
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const other = encode({ ...JSON.parse(Buffer.from(payload, 'base64url').toString()), sub: 'root' });
    for (const forged of [
      await issuer.token({}, {}, await newKey(kid!)),
      `${header}.${other}.${signature}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${encode({ alg: 'none' })}.${payload}.`,
      `${encode({ alg: 'None', kid })}.${payload}.${signature}`,
      `${encode({ alg: 'ES256', kid, crit: ['b64'], b64: false })}.${payload}.${signature}`,
      '',
      'x',
      `${token}.x.y`,
    ])
      expect(await verdictOn(forged)).toBe('unsigned');
  });

  it('is not believed for an HMAC with the public key, also where the issuer could not be worse configured', async () => {
    const { jwk } = await issuer.key();
    const pem = await exportSPKI((await importJWK(jwk, 'ES256')) as CryptoKey);
    const payload = { iss: FAKE_ISS, aud: FAKE_AUDIENCE, sub: 'root', iat: seconds(), exp: seconds() + 60 };
    for (const secret of [pem, pem.trim(), JSON.stringify(jwk)]) {
      const signed = `${encode({ alg: 'HS256', kid: jwk.kid })}.${encode(payload)}`;
      const forged = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
      expect(await verdictOn(forged)).toBe('unsigned');
      expect(await verdictOn(forged, { algorithms: ['HS256', 'ES256'] as never })).toBe('unsigned');
    }
  });

  it('with a critical extension that is not known is refused', async () => {
    const { jwk, privateKey } = await issuer.key();
    const payload = Buffer.from((await issuer.token()).reveal().split('.')[1]!, 'base64url');
    const sign = (more: object): Promise<string> =>
      new CompactSign(payload)
        .setProtectedHeader({ alg: 'ES256', kid: jwk.kid!, ...more })
        .sign(privateKey, { crit: { x: true } });
    expect(await verdictOn(await sign({}))).toBe('in');
    expect(await verdictOn(await sign({ crit: ['x'], x: 1 }))).toBe('unsigned');
  });

  it('is verified with no other algorithm than is allowed', async () => {
    expect(await verdictOn(await issuer.token(), { algorithms: ['RS256'] })).toBe('unsigned');
  });

  it('that is too long is not looked at', async () => {
    const token = await issuer.token({ filling: 'x'.repeat(MAX_JWT_BYTES) });
    expect(await verdictOn(token)).toBe('unsigned');
    expect(issuer.fetched).toEqual([]);
  });

  it('says nothing while the keys cannot be fetched', async () => {
    issuer.failure = new Error('down');
    await expect(verdictOn(await issuer.token())).rejects.toMatchObject({
      code: 'LOGIN_ISSUER_UNAVAILABLE',
      details: { retryAfterMs: 10_000 },
    });
  });
});
