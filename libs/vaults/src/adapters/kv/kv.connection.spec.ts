import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { issueCertificate, type CertificatePair } from '@claviger/testing';
import type { VaultConnection } from '@claviger/vaults/contract';
import { createNetworkPolicy } from '@claviger/vaults/network';
import { createKvKind } from './kv.kind.js';
import type { KvConfig, KvCredentials } from './kv.settings.js';

const kind = createKvKind({ installationId: 'inst-1', networkPolicy: createNetworkPolicy() });
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function connect(config: KvConfig, credentials: KvCredentials = { type: 'token', token: 't' }): VaultConnection {
  const settings = { storeId: 's', id: 'i', name: 'main vault', config: kind.configSchema.parse(config) };
  const connection = kind.connect({ ...settings, credentials: new SecretValue(credentials) });
  closers.push(() => connection.close());
  return connection;
}

const call = () => ({ requestId: 'r', signal: new AbortController().signal });

describe('a kv connection over TLS', () => {
  let authority: CertificatePair;
  let server: CertificatePair;
  let client: CertificatePair;
  let other: CertificatePair;

  beforeAll(() => {
    authority = issueCertificate('authority');
    server = issueCertificate('vault.test', authority);
    client = issueCertificate('claviger', authority);
    other = issueCertificate('other');
  });

  /** Tells its name, and the name of who asks, as a vault does its cluster id and version. */
  async function vault(): Promise<string> {
    const made = createServer(
      { ...server, requestCert: true, rejectUnauthorized: false, ca: authority.cert },
      (req, res) => {
        const socket = req.socket as TLSSocket;
        const who = socket.authorized ? socket.getPeerCertificate().subject.CN : 'anonymous';
        res.end(JSON.stringify({ initialized: true, sealed: false, cluster_id: who }));
      },
    );
    await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
    closers.push(() => new Promise((resolve) => made.close(resolve)));
    return `https://127.0.0.1:${(made.address() as AddressInfo).port}`;
  }

  it('trusts the authority and expects the name that the configuration gives', async () => {
    const address = await vault();
    const trusting = connect({ address, caCertificate: authority.cert, tlsServerName: 'vault.test' });
    await expect(trusting.serverIdentity(call())).resolves.toBe('anonymous');
    for (const wrong of [
      {},
      { caCertificate: authority.cert },
      { caCertificate: other.cert, tlsServerName: 'vault.test' },
    ]) {
      const refused = connect({ address, ...wrong });
      await expect(refused.serverIdentity(call())).rejects.toMatchObject({ vaultCode: 'MISCONFIGURED' });
      expect(await refused.check(call())).toMatchObject({
        status: 'misconfigured',
        message: expect.stringContaining('TLS'),
      });
    }
  });

  it('presents the client certificate with the key from the credentials', async () => {
    const config = { address: await vault(), caCertificate: authority.cert, tlsServerName: 'vault.test' };
    const connection = connect(
      { ...config, clientCertificate: client.cert },
      { type: 'token', token: 't', clientKey: client.key },
    );
    await expect(connection.serverIdentity(call())).resolves.toBe('claviger');
  });

  it('refuses a certificate and a key that do not belong together, without a word of either', () => {
    const attempt = () =>
      connect(
        { address: 'https://vault.test', clientCertificate: client.cert },
        { type: 'token', token: 't', clientKey: other.key },
      );
    expect(attempt).toThrow(
      expect.objectContaining({ vaultCode: 'MISCONFIGURED', message: expect.stringContaining('main vault') }),
    );
    expect(attempt).not.toThrow('BEGIN');
  });
});

describe('a kv connection', () => {
  it.each([
    [undefined, 'kv', 'kv/a/b'],
    [undefined, '/kv/', 'kv/a/b'],
    ['team', 'kv', 'team/kv/a/b'],
    ['team/red', 'kv', 'team/red/kv/a/b'],
    [undefined, 'team/red/kv', 'team/red/kv/a/b'],
    ['team', 'red/kv', 'team/red/kv/a/b'],
  ])('gives one place for one object: namespace %s, mount %s', (namespace, mount, place) => {
    const connection = connect({ address: 'https://vault.test', ...(namespace === undefined ? {} : { namespace }) });
    expect(connection.canonicalPlace(mount, 'a/b')).toBe(place);
  });

  it('fails calls with UNAVAILABLE once it is closed', async () => {
    const connection = connect({ address: 'https://127.0.0.1:1' });
    await connection.close();
    const reading = connection.open({ mount: 'kv', flavour: 'auto' }).read(call(), 'a');
    await expect(reading).rejects.toMatchObject({ vaultCode: 'UNAVAILABLE' });
  });
});
