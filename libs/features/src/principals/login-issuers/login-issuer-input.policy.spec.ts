import { describe, expect, it } from '@jest/globals';
import { issueCertificate } from '@claviger/testing';
import {
  checkedCertificates,
  checkIssuer,
  checkMapping,
  ISSUER_DEFAULTS,
  type IssuerSettings,
} from './login-issuer-input.policy.js';

const GOOD: IssuerSettings = {
  ...ISSUER_DEFAULTS,
  issuer: 'https://id.example/realms/corp',
  audiences: ['claviger'],
  nameClaim: 'sub',
};
const refused = (field: string): unknown => expect.objectContaining({ code: 'INPUT_INVALID', details: { field } });

describe('checkIssuer', () => {
  it.each<Partial<IssuerSettings>>([
    {},
    { issuer: 'http://127.0.0.1:3000' },
    { issuer: 'kubernetes/serviceaccount', jwksUrl: 'https://k8s.example/openid/v1/jwks' },
    { jwksUrl: 'https://id.example/keys?tenant=x' },
    { audiences: ['a', 'https://b.example/'] },
    { algorithms: ['EdDSA', 'PS512'] },
    { boundClaims: [{ claim: '/realm_access/roles', values: ['x', 1, true] }] },
    { leewaySeconds: 0, maxLifetimeSeconds: 60, tokenTtlSeconds: 1 },
  ])('takes %j', (settings) => {
    expect(() => checkIssuer({ ...GOOD, ...settings })).not.toThrow();
  });

  it.each<[string, object]>([
    ['issuer', { issuer: '' }],
    ['issuer', { issuer: 'no url' }],
    ['issuer', { issuer: 'ftp://id.example' }],
    ['issuer', { issuer: 'https://id.example?x' }],
    ['issuer', { issuer: 'https://id.example#x' }],
    ['issuer', { issuer: 'https://ada:secret@id.example' }],
    ['issuer', { issuer: ' https://id.example' }],
    ['issuer', { issuer: `https://${'x'.repeat(512)}` }],
    ['jwksUrl', { jwksUrl: 'file:///etc/passwd' }],
    ['jwksUrl', { jwksUrl: 'https://x:y@id.example' }],
    ['jwksUrl', { jwksUrl: '' }],
    ['audiences', { audiences: [] }],
    ['audiences', { audiences: [''] }],
    ['audiences', { audiences: Array.from({ length: 17 }, (_, i) => `a${i}`) }],
    ['algorithms', { algorithms: [] }],
    ['algorithms', { algorithms: ['none'] }],
    ['algorithms', { algorithms: ['RS256', 'HS256'] }],
    ['algorithms', { algorithms: ['rs256'] }],
    ['algorithms', { algorithms: ['dir'] }],
    ['boundClaims', { boundClaims: [{ claim: 'a', values: [] }] }],
    ['boundClaims', { boundClaims: [{ claim: '', values: ['a'] }] }],
    ['boundClaims', { boundClaims: [{ claim: 'a', values: [''] }] }],
    ['boundClaims', { boundClaims: [{ claim: 'a', values: [1.5] }] }],
    ['boundClaims', { boundClaims: [{ claim: '/a~2', values: ['a'] }] }],
    ['subjectClaim', { subjectClaim: '' }],
    ['groupsClaim', { groupsClaim: 'x'.repeat(257) }],
    ['leewaySeconds', { leewaySeconds: 301 }],
    ['leewaySeconds', { leewaySeconds: -1 }],
    ['maxLifetimeSeconds', { maxLifetimeSeconds: 59 }],
    ['maxLifetimeSeconds', { maxLifetimeSeconds: 8 * 86_400 }],
    ['tokenTtlSeconds', { tokenTtlSeconds: 0 }],
  ])('refuses %s of %j', (field, settings) => {
    expect(() => checkIssuer({ ...GOOD, ...settings } as IssuerSettings)).toThrow(refused(field));
  });
});

describe('checkMapping', () => {
  it('wants to know the claim, and values that can be there', () => {
    checkMapping([], null);
    checkMapping([{ value: 'ops' }], 'groups');
    expect(() => checkMapping([{ value: 'ops' }], null)).toThrow(refused('groupsClaim'));
    expect(() => checkMapping([{ value: '' }], 'groups')).toThrow(refused('groupMappings'));
    expect(() =>
      checkMapping(
        Array.from({ length: 257 }, () => ({ value: 'x' })),
        'groups',
      ),
    ).toThrow(refused('groupMappings'));
  });
});

describe('checkedCertificates', () => {
  const { cert, key } = issueCertificate('id.example');

  it('keeps certificates and nothing else', () => {
    expect(checkedCertificates(`Our CA\n${cert}and more`)).toBe(cert.trim());
    expect(checkedCertificates(cert + cert).match(/BEGIN/g)).toHaveLength(2);
  });

  it.each([
    '',
    'x',
    key,
    `${cert}${key}`,
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    cert.repeat(80),
  ])('refuses what is none', (text) => {
    expect(() => checkedCertificates(text)).toThrow(refused('caCertificate'));
  });
});
