import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, jest } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';

// Set before node-vault and its debug package are loaded, which read some of them only then.
Object.assign(process.env, {
  VAULT_ADDR: 'http://127.0.0.1:1',
  VAULT_TOKEN: 'canary-of-environment',
  VAULT_NAMESPACE: 'canary-of-environment',
  VAULT_PREFIX: '/canary-of-environment',
  VAULT_SKIP_VERIFY: '1',
  DEBUG: 'node-vault,*',
  HTTP_PROXY: 'http://127.0.0.1:1',
  ALL_PROXY: 'http://127.0.0.1:1',
});
const { KvClient } = await import('./kv.client.js');
const { createTransport } = await import('./kv.transport.js');
const { createNetworkPolicy, createPinnedDispatcher } = await import('@claviger/vaults/network');

afterEach(() => {
  jest.restoreAllMocks();
});

it('neither takes anything from an environment made for node-vault, nor logs what it sends', async () => {
  const seen: { url: string | undefined; headers: IncomingHttpHeaders }[] = [];
  const server = createServer((request, response) => {
    seen.push({ url: request.url, headers: request.headers });
    response.end('{"data":"canary-answer"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const dispatcher = createPinnedDispatcher({ policy: createNetworkPolicy(), backend: 'kv', maxResponseBytes: 1024 });
  const redirects = { address: new URL(address), hosts: [] };
  const transport = createTransport({ dispatcher, installationId: 'inst-1', redirects });
  const task = {
    call: { requestId: 'r', signal: new AbortController().signal },
    operation: 'put',
    subject: '"a" in mount "kv"',
  };
  const body = new SecretValue('{"v":"canary-content"}');
  const request = { method: 'POST', path: 'kv/data/a', body } as const;

  const written: string[] = [];
  for (const stream of [process.stderr, process.stdout]) {
    jest.spyOn(stream, 'write').mockImplementation((chunk: unknown) => {
      written.push(String(chunk));
      return true;
    });
  }
  await new KvClient({ address, transport }).send(task, request);
  await new KvClient({ address, namespace: 'team', transport }).send(task, request, new SecretValue('canary-token'));
  jest.restoreAllMocks();
  await dispatcher.destroy();
  await new Promise((resolve) => server.close(resolve));

  expect(seen.map(({ url }) => url)).toEqual(['/v1/kv/data/a', '/v1/kv/data/a']);
  expect(seen[0]!.headers).not.toHaveProperty('x-vault-token');
  expect(seen[0]!.headers).not.toHaveProperty('x-vault-namespace');
  expect(seen[1]!.headers).toMatchObject({ 'x-vault-token': 'canary-token', 'x-vault-namespace': 'team' });
  expect(JSON.stringify(seen)).not.toContain('canary-of-environment');
  expect(written.join('')).not.toMatch(/node-vault|canary|kv\/data/);
});
