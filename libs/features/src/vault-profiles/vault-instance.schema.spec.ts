import { SecretValue } from '@claviger/kernel';
import { describe, expect, it } from '@jest/globals';
import { newVaultInstance, vaultInstanceChanges } from './vault-instance.schema.js';

const instance = { name: 'openbao', kind: 'kv' };
const big = { caCertificate: 'x'.repeat(640 * 1024) };

describe('newVaultInstance', () => {
  it('refuses settings that are too large, without quoting them', () => {
    const { error } = newVaultInstance.safeParse({ ...instance, config: big, credentials: new SecretValue(big) });
    expect(error?.issues.map(({ path, message }) => ({ path, message }))).toEqual([
      { path: ['config'], message: 'must be at most 655360 bytes as JSON' },
      { path: ['credentials'], message: 'must be at most 655360 bytes as JSON' },
    ]);
  });

  it('refuses credentials that are no object', () => {
    const { error } = newVaultInstance.safeParse({ ...instance, credentials: 'token' });
    expect(error?.issues).toMatchObject([{ path: ['credentials'], message: 'must be a JSON object' }]);
  });
});

describe('vaultInstanceChanges', () => {
  it('takes null for a limit that is to go', () => {
    expect(vaultInstanceChanges.parse({ limits: { requestsPerSecond: null } })).toEqual({
      limits: { requestsPerSecond: null },
    });
  });
});
