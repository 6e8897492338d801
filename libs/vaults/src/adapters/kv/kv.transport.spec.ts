import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { createNetworkPolicy, createPinnedDispatcher } from '@claviger/vaults/network';
import { KvClient } from './kv.client.js';
import { createTransport } from './kv.transport.js';
import type { KvAnswer, KvRequest, KvTask } from './kv.wire.js';

type Seen = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};
type Reply = (request: Seen, response: ServerResponse) => void;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A server that notes what it is asked and answers as told. */
async function fake(reply: Reply): Promise<{ readonly address: string; readonly host: string; readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
      seen.push(one);
      reply(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { address: `http://${host}`, host, seen };
}

function client(
  address: string,
  options: { namespace?: string; redirectHosts?: readonly string[]; deny?: string[] } = {},
) {
  const dispatcher = createPinnedDispatcher({
    policy: createNetworkPolicy({ deny: options.deny ?? [] }),
    backend: 'kv',
    maxResponseBytes: 1024 * 1024,
  });
  closers.push(() => dispatcher.destroy());
  const redirects = { address: new URL(address), hosts: options.redirectHosts ?? [] };
  const transport = createTransport({ dispatcher, installationId: 'inst-1', redirects });
  return new KvClient({ address, namespace: options.namespace, transport });
}

function task(more: Partial<KvTask['call']> = {}): KvTask {
  const call = { requestId: 'r', signal: new AbortController().signal, ...more };
  return { call, operation: 'read', subject: '"a" in mount "kv"' };
}

const get: KvRequest = { method: 'GET', path: 'kv/data/a' };
const post: KvRequest = {
  method: 'POST',
  path: 'kv/data/a',
  body: new SecretValue('{"v":"canary-content"}'),
  mutates: true,
};
const token = new SecretValue('canary-token');

const json = (status: number, body: string, headers: Record<string, string> = {}): Reply => {
  return (_, response) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
};

const text = (answer: KvAnswer): string => answer.body.reveal();

describe('KvClient on its transport', () => {
  it('says who it is, for whom, and through whom the request came', async () => {
    const { address, seen } = await fake(json(200, '{}'));
    await client(address, { namespace: 'team/app' }).send(task({ hops: ['other'] }), get, token);
    expect(seen[0]).toMatchObject({
      method: 'GET',
      url: '/v1/kv/data/a',
      headers: {
        'x-vault-request': 'true',
        'x-vault-token': 'canary-token',
        'x-vault-namespace': 'team/app',
        'x-claviger-hop': 'other,inst-1',
      },
    });
  });

  it('asks outside of the namespace what exists only there', async () => {
    const { address, seen } = await fake(json(200, '{}'));
    await client(address, { namespace: 'team' }).send(task(), { ...get, namespaced: false });
    expect(seen[0]!.headers).not.toHaveProperty('x-vault-namespace');
  });

  it('keeps a base path, and encodes the query', async () => {
    const { address, seen } = await fake(json(200, '{}'));
    const query = { list: 'true', after: "it's/&#x2F;?=ü" };
    await client(`${address}/api/store/`).send(task(), { ...get, query });
    const url = new URL(seen[0]!.url, address);
    expect(url.pathname).toBe('/api/store/v1/kv/data/a');
    expect(Object.fromEntries(url.searchParams)).toEqual(query);
  });

  it.each([
    ['POST', 'application/json'],
    ['PATCH', 'application/merge-patch+json'],
  ] as const)('sends the body of a %s as it is, with token and type', async (method, type) => {
    const { address, seen } = await fake(json(204, ''));
    const body = '{"n":12345678901234567890, "d":1.10}';
    await client(address).send(task(), { ...post, method, body: new SecretValue(body) }, token);
    expect(seen[0]).toMatchObject({ method, body, headers: { 'content-type': type, 'x-vault-token': 'canary-token' } });
  });

  it('gives the answer with its digits and its headers, whatever the status', async () => {
    const body = '{"errors":["x"],"n":12345678901234567890,"d":1.10}';
    for (const status of [200, 202, 204, 400, 403, 404, 429, 500, 503]) {
      const { address } = await fake(json(status, status === 204 ? '' : body, { 'retry-after': '3' }));
      const answer = await client(address).send(task(), get);
      expect([answer.status, answer.headers['retry-after'], text(answer)]).toEqual([
        status,
        '3',
        status === 204 ? '' : body,
      ]);
    }
  });

  it.each(['sys/health', 'kv/data/prod/sys/health'])('takes no error under %s for a success', async (path) => {
    const { address } = await fake(json(403, '{"errors":["permission denied"]}'));
    expect(await client(address).send(task(), { ...get, path })).toMatchObject({ status: 403 });
  });

  it('prints neither body, nor answer, nor token', async () => {
    const { address } = await fake(json(200, '{"v":"canary-answer"}'));
    const answer = await client(address).send(task(), post, token);
    expect(`${inspect(answer, { depth: Infinity })}${JSON.stringify(answer)}`).not.toContain('canary');
  });

  describe('repeats a request that a standby sends on', () => {
    it.each([307, 308])('once, with method, body and token (%i)', async (status) => {
      const active = await fake(json(200, '{"ok":true}'));
      const standby = await fake(json(status, '', { location: `${active.address}/v1/kv/data/a` }));
      const answer = await client(standby.address).send(task(), post, token);
      expect(answer.status).toBe(200);
      expect(active.seen).toHaveLength(1);
      expect(active.seen[0]).toMatchObject({
        method: 'POST',
        url: '/v1/kv/data/a',
        body: '{"v":"canary-content"}',
        headers: { 'x-vault-token': 'canary-token', 'x-claviger-hop': 'inst-1' },
      });
    });

    it('and not to a host that is not listed: that one never hears of it', async () => {
      const other = await fake(json(200, '{}'));
      const location = other.address.replace('127.0.0.1', 'localhost');
      const standby = await fake(json(307, '', { location }));
      await expect(client(standby.address).send(task(), post, token)).rejects.toMatchObject({
        vaultCode: 'MISCONFIGURED',
        message: expect.stringContaining('localhost'),
      });
      expect(other.seen).toEqual([]);
      await expect(client(standby.address, { redirectHosts: ['localhost'] }).send(task(), get)).resolves.toMatchObject({
        status: 200,
      });
    });

    it('and not twice', async () => {
      const second = await fake(json(307, '', { location: '/v1/elsewhere' }));
      const first = await fake(json(307, '', { location: second.address }));
      await expect(client(first.address).send(task(), get)).rejects.toMatchObject({ vaultCode: 'MISCONFIGURED' });
      expect([first.seen.length, second.seen.length]).toEqual([1, 1]);
    });

    it('and not to an address that the network policy denies', async () => {
      const standby = await fake(json(307, '', { location: 'http://169.254.169.254/' }));
      const using = client(standby.address, { redirectHosts: ['169.254.169.254'] });
      await expect(using.send(task(), post, token)).rejects.toMatchObject({ vaultCode: 'ADDRESS_DENIED' });
    });
  });

  describe('fails', () => {
    it('UNAVAILABLE when nothing listens, and knows that nothing was applied', async () => {
      const { address } = await fake(json(200, '{}'));
      await closers.pop()!();
      await expect(client(address).send(task(), post)).rejects.toMatchObject({
        vaultCode: 'UNAVAILABLE',
        outcomeUnknown: false,
      });
    });

    it.each([
      ['closes the connection', (_: Seen, response: ServerResponse) => response.destroy()],
      [
        'cuts the answer off',
        (_: Seen, response: ServerResponse) => {
          response.writeHead(200, { 'content-length': '100' }).write('{"data":');
          setImmediate(() => response.destroy());
        },
      ],
      [
        'answers with something that is no HTTP',
        (_: Seen, response: ServerResponse) => {
          response.socket?.end('220 mail.test ESMTP\r\n');
        },
      ],
    ] as const)('UNAVAILABLE when the server %s, not knowing what was applied', async (_, reply) => {
      const { address } = await fake(reply);
      await expect(client(address).send(task(), post)).rejects.toMatchObject({
        vaultCode: 'UNAVAILABLE',
        outcomeUnknown: true,
      });
      await expect(client(address).send(task(), get)).rejects.toMatchObject({
        vaultCode: 'UNAVAILABLE',
        outcomeUnknown: false,
      });
    });

    it('TOO_LARGE when the answer is over the limit', async () => {
      const { address } = await fake(json(200, JSON.stringify({ v: 'x'.repeat(1024 * 1024) })));
      await expect(client(address).send(task(), get)).rejects.toMatchObject({ vaultCode: 'TOO_LARGE' });
    });

    it('CANCELLED when the caller gives up before the answer, or in the middle of it', async () => {
      for (const reply of [
        () => undefined,
        (_: Seen, response: ServerResponse) => response.write('{"data":'),
      ] as const) {
        const caller = new AbortController();
        const { address } = await fake((seen, response) => {
          reply(seen, response);
          setImmediate(() => caller.abort(new DOMException('late', 'TimeoutError')));
        });
        await expect(client(address).send(task({ signal: caller.signal }), post)).rejects.toMatchObject({
          vaultCode: 'CANCELLED',
          outcomeUnknown: true,
        });
      }
    });

    it('CANCELLED without a word to the server when the caller gave up before', async () => {
      const { address, seen } = await fake(json(200, '{}'));
      const gone = task({ signal: AbortSignal.abort() });
      await expect(client(address).send(gone, post)).rejects.toMatchObject({
        vaultCode: 'CANCELLED',
        outcomeUnknown: false,
      });
      expect(seen).toEqual([]);
    });

    it('MISCONFIGURED when TLS is spoken to a server without it', async () => {
      const { address } = await fake(json(200, '{}'));
      await expect(client(address.replace('http:', 'https:')).send(task(), get)).rejects.toMatchObject({
        vaultCode: 'MISCONFIGURED',
        message: expect.stringContaining('TLS'),
      });
    });

    it('ADDRESS_DENIED where the network policy says so', async () => {
      const { address, seen } = await fake(json(200, '{}'));
      await expect(client(address, { deny: ['127.0.0.1'] }).send(task(), get)).rejects.toMatchObject({
        vaultCode: 'ADDRESS_DENIED',
        message: expect.stringContaining('127.0.0.1'),
      });
      expect(seen).toEqual([]);
    });

    it('without a trace of what was sent', async () => {
      const { address } = await fake((_, response) => response.destroy());
      const error = await client(address)
        .send(task(), post, token)
        .catch((thrown: unknown) => thrown);
      expect(`${inspect(error, { depth: Infinity, showHidden: true })}${JSON.stringify(error)}`).not.toContain(
        'canary',
      );
      expect((error as Error).cause).toBeUndefined();
    });
  });
});
