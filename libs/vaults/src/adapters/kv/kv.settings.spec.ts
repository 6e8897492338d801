import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { kvConfigSchema, kvCredentialsSchema } from './kv.settings.js';

const address = 'https://vault.test:8200';

function problem(schema: z.ZodType, value: unknown): string | undefined {
  const result = schema.safeParse(value);
  return result.success ? undefined : z.prettifyError(result.error);
}

describe('kvConfigSchema', () => {
  it.each(['https://vault.test', 'http://127.0.0.1:8200', 'https://host/api/store-1', 'https://[::1]:8200/'])(
    'accepts the address %s',
    (given) => {
      expect(problem(kvConfigSchema, { address: given })).toBeUndefined();
    },
  );

  it.each([
    ['vault.test:8200', 'not an http'],
    ['ftp://vault.test', 'not an http'],
    ['', 'not an http'],
    ['https://user:canary@vault.test', 'credentials'],
    ['https://vault.test/?a=1', 'query'],
    ['https://vault.test/#x', 'fragment'],
    ['https://vault.test/v1', '/v1'],
    ['https://vault.test/v1/', '/v1'],
  ])('refuses the address %j', (given, why) => {
    expect(problem(kvConfigSchema, { address: given })).toContain(why);
    expect(problem(kvConfigSchema, { address: given })).not.toContain('canary');
  });

  it.each(['team', 'team/app', 'a.b/c-d_e'])('accepts the namespace %s', (namespace) => {
    expect(problem(kvConfigSchema, { address, namespace })).toBeUndefined();
  });

  it.each(['', '/team', 'team/', 'a//b', '..', 'a/../b', 'a b', 'ü', 'a\r\nX-Evil: 1'])(
    'refuses the namespace %j',
    (namespace) => {
      expect(problem(kvConfigSchema, { address, namespace })).toBeDefined();
    },
  );

  it.each(['active.test', 'active.test:8200', '10.0.0.1', '[fd00::1]:8200'])('accepts the redirect host %s', (host) => {
    expect(problem(kvConfigSchema, { address, redirectHosts: [host] })).toBeUndefined();
  });

  it.each(['https://active.test', 'active.test/', 'a@b', '*', '', 'a:b'])('refuses the redirect host %j', (host) => {
    expect(problem(kvConfigSchema, { address, redirectHosts: [host] })).toContain('host');
  });

  it('refuses a CA certificate that is none', () => {
    const fake = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    for (const caCertificate of ['x', '', fake]) {
      expect(problem(kvConfigSchema, { address, caCertificate })).toContain('PEM certificates');
    }
  });

  it('refuses what it does not know', () => {
    expect(problem(kvConfigSchema, { address, adress: 'x' })).toContain('adress');
  });
});

describe('kvCredentialsSchema', () => {
  it.each([
    { type: 'token', token: 's.abc' },
    { type: 'approle', roleId: 'r', secretId: 's' },
    { type: 'approle', roleId: 'r', secretId: 's', mountPath: 'team/approle' },
    { type: 'userpass', username: 'ann', password: 'p w ü' },
    { type: 'jwt', role: 'r', jwt: 'a.b.c' },
  ])('accepts $type', (credentials) => {
    expect(problem(kvCredentialsSchema, credentials)).toBeUndefined();
  });

  it.each([
    { type: 'token', token: '' },
    { type: 'token', token: 'canary\n' },
    { type: 'token', token: 'canary canary' },
    { type: 'approle', roleId: 'canary' },
    { type: 'approle', roleId: 'r', secretId: 'canary', mountPath: '../sys' },
    { type: 'userpass', username: '../canary', password: 'p' },
    { type: 'token', token: 's.abc', clientKey: 'canary' },
    { type: 'ldap', password: 'canary' },
    { password: 'canary' },
  ])('refuses %j without quoting it', (credentials) => {
    expect(problem(kvCredentialsSchema, credentials)).toBeDefined();
    expect(problem(kvCredentialsSchema, credentials)).not.toContain('canary');
  });

  it('and the configuration have a JSON Schema', () => {
    expect(z.toJSONSchema(kvConfigSchema)).toMatchObject({ type: 'object', required: ['address'] });
    expect(z.toJSONSchema(kvCredentialsSchema)).toHaveProperty('oneOf');
  });
});
