import { describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import type { KvClient } from './kv.client.js';
import { askServer, identityOf } from './kv.server.js';
import type { KvRequest, KvTask } from './kv.wire.js';

const task: KvTask = {
  call: { requestId: 'r', signal: new AbortController().signal },
  operation: 'check',
  subject: 'x',
};

function ask(status: number, body: unknown): ReturnType<typeof askServer> {
  const send = async (_: KvTask, request: KvRequest) => {
    expect(request).toMatchObject({ path: 'sys/seal-status', namespaced: false });
    return { status, headers: {}, body: new SecretValue(JSON.stringify(body)) };
  };
  return askServer({ send } as unknown as KvClient, task);
}

const state = { initialized: true, sealed: false, version: '2.7.2', cluster_id: 'c' };

describe('askServer', () => {
  it('tells OpenBao from Vault by the date that each gives', async () => {
    await expect(ask(200, { ...state, commit_date: '2026' })).resolves.toMatchObject({
      product: 'openbao',
      version: '2.7.2',
    });
    await expect(ask(200, { ...state, build_date: '2026' })).resolves.toMatchObject({
      product: 'vault',
      clusterId: 'c',
    });
  });

  it.each([401, 403, 404, 405])(
    'knows nothing of a server that answers %i: only KV paths are offered there',
    async (status) => {
      await expect(ask(status, { errors: [] })).resolves.toBeUndefined();
    },
  );

  it.each([
    [200, 'hello', 'MISCONFIGURED'],
    [429, { errors: ['quota'] }, 'THROTTLED'],
    [502, 'html', 'UNAVAILABLE'],
  ])('fails on %i %j with %s', async (status, body, vaultCode) => {
    await expect(ask(status, body)).rejects.toMatchObject({ vaultCode });
  });
});

describe('identityOf', () => {
  const known = {
    initialized: true,
    sealed: false,
    clusterId: undefined,
    version: undefined,
    product: 'vault',
  } as const;

  it('is the cluster id', () => {
    expect(identityOf({ ...known, clusterId: 'c' }, 'https://a', task)).toBe('c');
  });

  it.each(['https://Vault.Test:443/api/x/', 'https://vault.test/api/x'])(
    'is else the address, however it is written: %s',
    (address) => {
      expect(identityOf(undefined, address, task)).toBe('https://vault.test/api/x');
      expect(identityOf(known, address, task)).toBe('https://vault.test/api/x');
    },
  );

  it('is not known while the server is sealed', () => {
    expect(() => identityOf({ ...known, sealed: true }, 'https://a', task)).toThrow(
      expect.objectContaining({ vaultCode: 'SEALED' }),
    );
  });
});
