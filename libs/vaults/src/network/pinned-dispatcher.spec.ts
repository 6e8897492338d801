import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import tls, { type TlsOptions, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { issueCertificate, type CertificatePair } from '@claviger/testing';
import { request, type Dispatcher } from 'undici';
import { createNetworkPolicy, type NetworkPolicySettings } from './network-policy.js';
import { createPinnedDispatcher, type Resolve, type TlsSettings } from './pinned-dispatcher.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  return (server.address() as AddressInfo).port;
}

const answerHost: RequestListener = (req, res) => res.end(req.headers.host);

function dispatcher(init: {
  policy?: NetworkPolicySettings;
  tls?: TlsSettings;
  resolve?: Resolve;
  maxResponseBytes?: number;
}): Dispatcher {
  const made = createPinnedDispatcher({
    policy: createNetworkPolicy(init.policy),
    backend: 'kv',
    maxResponseBytes: init.maxResponseBytes ?? 1024,
    ...(init.tls ? { tls: init.tls } : {}),
    ...(init.resolve ? { resolve: init.resolve } : {}),
  });
  closers.push(() => made.destroy());
  return made;
}

async function get(url: string, using: Dispatcher): Promise<string> {
  const { body } = await request(url, { dispatcher: using });
  return body.text();
}

const to = (...addresses: readonly string[]): Resolve => {
  return () => Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
};

const denial = (rule: string): unknown =>
  expect.objectContaining({ vaultCode: 'ADDRESS_DENIED', message: expect.stringContaining(rule) });

describe('createPinnedDispatcher', () => {
  it('connects to the address that was checked, with the host name in the request', async () => {
    const port = await listen(createServer(answerHost));
    await expect(get(`http://vault.test:${port}/`, dispatcher({ resolve: to('127.0.0.1') }))).resolves.toBe(
      `vault.test:${port}`,
    );
  });

  it('resolves once for each connection, so that a name cannot change between check and connect', async () => {
    const port = await listen(createServer(answerHost));
    let calls = 0;
    const rebinding: Resolve = () => {
      calls += 1;
      return to(calls === 1 ? '127.0.0.1' : '169.254.169.254')('');
    };
    await expect(get(`http://vault.test:${port}/`, dispatcher({ resolve: rebinding }))).resolves.toBeDefined();
    expect(calls).toBe(1);
  });

  it('checks again on the next connection', async () => {
    const port = await listen(createServer((_, res) => res.setHeader('connection', 'close').end()));
    let calls = 0;
    const rebinding: Resolve = () => to(calls++ === 0 ? '127.0.0.1' : '169.254.169.254')('');
    const using = dispatcher({ resolve: rebinding });
    await get(`http://vault.test:${port}/`, using);
    await expect(get(`http://vault.test:${port}/`, using)).rejects.toEqual(denial('metadata'));
  });

  it('refuses a host when any of its addresses is denied, and connects to none of them', async () => {
    let connections = 0;
    const server = createServer(answerHost).on('connection', () => (connections += 1));
    const port = await listen(server);
    for (const addresses of [
      ['127.0.0.1', '169.254.169.254'],
      ['169.254.169.254', '127.0.0.1'],
    ]) {
      const using = dispatcher({ resolve: to(...addresses) });
      await expect(get(`http://vault.test:${port}/`, using)).rejects.toEqual(denial('metadata'));
    }
    expect(connections).toBe(0);
  });

  it.each(['2130706433', '0x7f000001', '0177.0.0.1', '127.1', '[::ffff:127.0.0.1]', '127.0.0.1'])(
    'checks the address %s though no name is resolved',
    async (host) => {
      const port = await listen(createServer(answerHost));
      const using = dispatcher({ policy: { deny: ['127.0.0.0/8'] } });
      await expect(get(`http://${host}:${port}/`, using)).rejects.toEqual(denial('127.0.0.0/8'));
      await expect(get(`http://${host}:${port}/`, dispatcher({}))).resolves.toBeDefined();
    },
  );

  it('refuses a denied name without looking it up', async () => {
    let calls = 0;
    const using = dispatcher({ resolve: () => to('127.0.0.1')(String((calls += 1))) });
    await expect(get('http://metadata.google.internal/', using)).rejects.toEqual(denial('metadata'));
    expect(calls).toBe(0);
  });

  it('names host and rule, for a program too', async () => {
    const using = dispatcher({ policy: { deny: ['vault.test'] } });
    await expect(get('http://vault.test/', using)).rejects.toMatchObject({
      code: 'VAULT_ADDRESS_DENIED',
      details: { host: 'vault.test', rule: 'the deny list has vault.test' },
    });
  });

  it('reports a name without an address as not found', async () => {
    const using = dispatcher({ resolve: () => Promise.resolve([]) });
    await expect(get('http://vault.test/', using)).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  it('ignores the proxies of the environment', async () => {
    const port = await listen(createServer(answerHost));
    const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
    const before = names.map((name) => process.env[name]);
    for (const name of names) process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : 'http://127.0.0.1:1';
    try {
      await expect(get(`http://127.0.0.1:${port}/`, dispatcher({}))).resolves.toBeDefined();
    } finally {
      names.forEach((name, at) => {
        if (before[at] === undefined) delete process.env[name];
        else process.env[name] = before[at];
      });
    }
  });

  it('refuses an answer over the limit', async () => {
    const port = await listen(createServer((_, res) => res.end('x'.repeat(2000))));
    await expect(get(`http://127.0.0.1:${port}/`, dispatcher({}))).rejects.toMatchObject({
      code: 'UND_ERR_RES_EXCEEDED_MAX_SIZE',
    });
  });

  it('refuses a key that cannot be loaded at once', () => {
    expect(() =>
      dispatcher({ tls: { key: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n' } }),
    ).toThrow();
  });
});

describe('createPinnedDispatcher over TLS', () => {
  let authority: CertificatePair;
  let server: CertificatePair;
  let client: CertificatePair;

  beforeAll(() => {
    authority = issueCertificate('authority');
    server = issueCertificate('vault.test', authority);
    client = issueCertificate('claviger', authority);
  });

  async function tlsServer(options: TlsOptions = {}): Promise<number> {
    const answer: RequestListener = (req, res) => {
      const socket = req.socket as TLSSocket & { servername?: string | false };
      res.end(`${socket.servername || 'none'} ${socket.getPeerCertificate().subject?.CN ?? 'anonymous'}`);
    };
    return listen(createTlsServer({ cert: server.cert, key: server.key, ...options }, answer));
  }

  it('verifies the certificate against the host name, not the address, and sends the name', async () => {
    const port = await tlsServer();
    const using = dispatcher({ tls: { ca: authority.cert }, resolve: to('127.0.0.1') });
    await expect(get(`https://vault.test:${port}/`, using)).resolves.toBe('vault.test anonymous');
    await expect(get(`https://other.test:${port}/`, using)).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    await expect(get(`https://127.0.0.1:${port}/`, using)).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  it('verifies against the server name given instead', async () => {
    const port = await tlsServer();
    const using = dispatcher({ tls: { ca: authority.cert, serverName: 'vault.test' } });
    await expect(get(`https://127.0.0.1:${port}/`, using)).resolves.toBe('vault.test anonymous');
  });

  it('refuses a certificate of an unknown authority, and lets no environment variable decide that', async () => {
    const port = await tlsServer();
    const connect = jest.spyOn(tls, 'connect');
    const using = dispatcher({ resolve: to('127.0.0.1') });
    await expect(get(`https://vault.test:${port}/`, using)).rejects.toMatchObject({
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
    // Left out, NODE_TLS_REJECT_UNAUTHORIZED=0 would switch the verification off.
    expect(connect.mock.calls).toEqual([[expect.objectContaining({ rejectUnauthorized: true })]]);
    connect.mockRestore();
  });

  it('presents the client certificate', async () => {
    const port = await tlsServer({ requestCert: true, ca: authority.cert });
    const tls = { ca: authority.cert, cert: client.cert, key: client.key };
    const using = dispatcher({ tls, resolve: to('127.0.0.1') });
    await expect(get(`https://vault.test:${port}/`, using)).resolves.toBe('vault.test claviger');
  });

  it('refuses a server that speaks nothing newer than TLS 1.1, also when the process would accept it', async () => {
    const before = { version: tls.DEFAULT_MIN_VERSION, ciphers: tls.DEFAULT_CIPHERS };
    Object.assign(tls, { DEFAULT_MIN_VERSION: 'TLSv1', DEFAULT_CIPHERS: 'ALL:@SECLEVEL=0' });
    try {
      const port = await tlsServer({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
      const using = dispatcher({ tls: { ca: authority.cert }, resolve: to('127.0.0.1') });
      await expect(get(`https://vault.test:${port}/`, using)).rejects.toMatchObject({
        code: expect.stringMatching(/PROTOCOL/),
      });
    } finally {
      Object.assign(tls, { DEFAULT_MIN_VERSION: before.version, DEFAULT_CIPHERS: before.ciphers });
    }
  });
});
