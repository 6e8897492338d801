import { describe, expect, it } from '@jest/globals';
import { CONCERNS, loadConfig } from './config.js';

describe('loadConfig', () => {
  it('has a default for everything that a first start needs', () => {
    const config = loadConfig({});
    expect(config.server).toEqual({ host: '127.0.0.1', port: 8200, drainSeconds: 5 });
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
});
