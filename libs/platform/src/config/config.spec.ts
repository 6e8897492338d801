import { describe, expect, it } from '@jest/globals';
import { CONCERNS, loadConfig } from './config.js';

describe('loadConfig', () => {
  it('has a default for everything that a first start needs', () => {
    const config = loadConfig({});
    expect(config.server).toMatchObject({ host: '127.0.0.1', port: 8200, drainSeconds: 5, tlsCertFile: undefined });
    expect(config.storage.databaseUrl).toBeUndefined();
  });

  it('names the variable and the rule, and never the value', () => {
    const canary = 'canary-7f3a';
    const env = {
      CLAVIGER_PORT: canary,
      CLAVIGER_ROOT_KEY: canary,
      CLAVIGER_DATABASE_URL: canary,
      CLAVIGER_LOG_LEVEL: canary,
    };
    for (const [name, rule] of [
      ['CLAVIGER_PORT', 'port number'],
      ['CLAVIGER_ROOT_KEY', '32 bytes'],
      ['CLAVIGER_DATABASE_URL', 'postgres://'],
      ['CLAVIGER_LOG_LEVEL', 'one of'],
    ] as const) {
      const load = (): unknown => loadConfig({ [name]: env[name] });
      expect(load).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
      expect(load).toThrow(new RegExp(`${name}.*${rule}`));
      expect(load).not.toThrow(new RegExp(canary));
    }
  });

  it('refuses a sensitive variable that is given twice', () => {
    expect(() => loadConfig({ CLAVIGER_ROOT_KEY: 'x', CLAVIGER_ROOT_KEY_FILE: '/nowhere' })).toThrow(/not both/);
  });

  it('describes every variable', () => {
    for (const concern of Object.values(CONCERNS))
      for (const variable of Object.values(concern)) expect(variable.description).toMatch(/\.$/);
  });

  it('asks PostgreSQL for a proof of its name when it is told whom to believe', () => {
    const CLAVIGER_DATABASE_CA_CERTIFICATES = '/etc/ca.pem';
    const load = (query: string): string | undefined =>
      loadConfig({ CLAVIGER_DATABASE_URL: `postgres://u:p%40@db/claviger${query}`, CLAVIGER_DATABASE_CA_CERTIFICATES })
        .storage.databaseUrl;
    for (const query of ['', '?sslmode=require', '?sslmode=prefer', '?sslmode=verify-full'])
      expect(load(query)).toBe('postgres://u:p%40@db/claviger?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem');
    expect(load('?application_name=a')).toContain('?application_name=a&sslmode=verify-full');
    for (const mode of ['disable', 'no-verify'])
      expect(() => load(`?sslmode=${mode}`)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it.each([
    [{ CLAVIGER_TLS_CERT_FILE: 'a' }, /CLAVIGER_TLS_KEY_FILE/],
    [{ CLAVIGER_TLS_KEY_FILE: 'a' }, /CLAVIGER_TLS_CERT_FILE/],
    [{ CLAVIGER_TLS_CLIENT_CA_FILE: 'a' }, /CLAVIGER_TLS_CERT_FILE/],
    [{ CLAVIGER_REDIS_CA_CERTIFICATES: 'a', CLAVIGER_REDIS_URL: 'redis://r' }, /rediss:/],
  ])('refuses half of what listening or connecting with TLS needs: %j', (env, names) => {
    expect(() => loadConfig(env)).toThrow(names);
  });

  it('takes addresses and ranges of proxies, and nothing else', () => {
    const load = (text: string): unknown => loadConfig({ CLAVIGER_TRUSTED_PROXIES: text }).server.trustedProxies;
    expect(load('10.0.0.1, 172.16.0.0/12,::1,fd00::/8')).toEqual(['10.0.0.1', '172.16.0.0/12', '::1', 'fd00::/8']);
    for (const wrong of ['proxy', '10.0.0.0/33', '::/129', '10.0.0.0/', 'true', '*'])
      expect(() => load(wrong)).toThrow(/CLAVIGER_TRUSTED_PROXIES: must be IP addresses/);
  });
});
