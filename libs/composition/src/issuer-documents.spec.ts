import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { issueCertificate } from '@claviger/testing';
import { createNetworkPolicy, type NetworkPolicySettings } from '@claviger/vaults/network';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PinnedIssuerDocuments } from './issuer-documents.js';

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

const serve = async (listener: RequestListener): Promise<string> =>
  `http://127.0.0.1:${await listen(createServer(listener))}/keys`;
const documents = (policy: NetworkPolicySettings = {}, timeoutMs?: number): PinnedIssuerDocuments =>
  new PinnedIssuerDocuments(createNetworkPolicy(policy), timeoutMs);
const failing = (code: string): unknown => expect.objectContaining({ code });

describe('what an issuer publishes', () => {
  it('is fetched with nothing but the address', async () => {
    let seen: unknown;
    const address = await serve((req, res) => {
      seen = [req.method, req.url, Object.keys(req.headers).sort()];
      res.end('{"keys": []}');
    });
    expect(await documents().fetch(address, null)).toEqual({ keys: [] });
    expect(seen).toEqual(['GET', '/keys', ['accept', 'connection', 'host']]);
  });

  it('is taken from no redirect, and from no other answer than 200 with JSON', async () => {
    const good = await serve((_, res) => res.end('{}'));
    for (const status of [301, 302, 307, 204, 401, 404, 500]) {
      const address = await serve((_, res) => res.writeHead(status, { location: good }).end('{"keys": []}'));
      await expect(documents().fetch(address, null)).rejects.toEqual(failing('ISSUER_ANSWER_UNUSABLE'));
    }
    const address = await serve((_, res) => res.end('<html>word'));
    const error = await documents()
      .fetch(address, null)
      .catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: 'ISSUER_ANSWER_UNUSABLE', message: expect.not.stringContaining('word') });
  });

  it('has a largest size and a longest time', async () => {
    const large = await serve((_, res) => res.end(JSON.stringify({ x: 'x'.repeat(256 * 1_024) })));
    await expect(documents().fetch(large, null)).rejects.toEqual(failing('UND_ERR_RES_EXCEEDED_MAX_SIZE'));
    const silent = await serve(() => undefined);
    await expect(documents({}, 20).fetch(silent, null)).rejects.toMatchObject({ name: 'TimeoutError' });
    const slow = await serve((_, res) => void res.write('{'));
    await expect(documents({}, 20).fetch(slow, null)).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('is fetched only from where vaults may be', async () => {
    const address = await serve((_, res) => res.end('{}'));
    for (const policy of [{ deny: ['127.0.0.0/8'] }, { allow: ['192.0.2.1'] }])
      await expect(documents(policy).fetch(address, null)).rejects.toMatchObject({ vaultCode: 'ADDRESS_DENIED' });
    for (const metadata of ['http://169.254.169.254/', 'https://169.254.169.254/', 'http://[::ffff:a9fe:a9fe]/'])
      await expect(documents().fetch(metadata, null)).rejects.toMatchObject({ vaultCode: 'ADDRESS_DENIED' });
  });

  it('comes by https from the internet, and by plain http from private networks alone', async () => {
    for (const address of ['http://192.88.99.1/', 'http://8.8.8.8/', 'http://[2001:4860:4860::8888]/'])
      await expect(documents().fetch(address, null)).rejects.toMatchObject({
        vaultCode: 'ADDRESS_DENIED',
        message: expect.stringContaining('https'),
      });
  });

  it('is believed by https from who has a certificate of the authority that is given', async () => {
    const authority = issueCertificate('authority');
    const server = issueCertificate('localhost', authority);
    const port = await listen(createTlsServer(server, (_, res) => res.end('{"keys": []}')));
    const address = `https://localhost:${port}/keys`;
    expect(await documents().fetch(address, authority.cert)).toEqual({ keys: [] });
    const other = issueCertificate('authority');
    for (const ca of [null, other.cert])
      await expect(documents().fetch(address, ca)).rejects.toMatchObject({
        code: expect.stringMatching(/CERT|SIGNATURE|VERIFY/),
      });
    await expect(documents().fetch(`https://127.0.0.1:${port}/keys`, authority.cert)).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });
});
