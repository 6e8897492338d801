import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { METRICS } from '@claviger/platform/metrics';
import { captureLogs, issueCertificate } from '@claviger/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { CertificateKeeper } from './certificate-keeper.js';
import { ConnectionDrain } from './connection-drain.js';
import { createHttpAdapter } from './http-server.js';
import { readTlsFiles } from './tls-files.js';

const authority = issueCertificate('authority');
const first = issueCertificate('localhost', authority);
const second = issueCertificate('localhost', authority);
const stranger = issueCertificate('stranger');

const directory = mkdtempSync(join(tmpdir(), 'claviger-tls-'));
const certFile = join(directory, 'cert.pem');
const keyFile = join(directory, 'key.pem');
const clientCaFile = join(directory, 'clients.pem');

/** Replaces a file in one step, as a volume with secrets does. */
function put(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

const put2 = ({ cert, key }: typeof first): void => {
  put(certFile, cert);
  put(keyFile, key);
};

describe('listening with TLS', () => {
  const open: { instance: FastifyInstance; keeper: CertificateKeeper }[] = [];
  const sockets: TLSSocket[] = [];
  beforeAll(() => put(clientCaFile, authority.cert));
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const { instance, keeper } of open.splice(0)) {
      keeper.stop();
      await instance.close();
    }
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function listen(wantsClients = false) {
    put2(first);
    const files = { certFile, keyFile, ...(wantsClients && { clientCaFile }) };
    const tls = readTlsFiles(files);
    const adapter = createHttpAdapter({ tls });
    const instance = adapter.getInstance() as unknown as FastifyInstance;
    instance.get('/', () => 'here');
    const server = adapter.getHttpServer() as unknown as Server;
    const logs = captureLogs();
    const keeper = new CertificateKeeper({ server, files, logger: logs.logger }, tls);
    open.push({ instance, keeper });
    const drain = new ConnectionDrain(server);
    await instance.listen({ port: 0, host: '127.0.0.1' });
    const { port } = server.address() as AddressInfo;
    const handshake = (options: ConnectionOptions = {}): Promise<TLSSocket> =>
      new Promise((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.cert, ...options });
        sockets.push(socket);
        socket.once('secureConnect', () => resolve(socket)).once('error', reject);
      });
    const ask = async (options?: ConnectionOptions): Promise<string> => {
      const socket = await handshake(options);
      return new Promise((resolve, reject) => {
        let text = '';
        socket
          .on('data', (chunk) => (text += String(chunk)))
          .once('end', () => resolve(text))
          .once('error', reject);
        socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
      });
    };
    const serial = async (): Promise<string> => (await handshake()).getPeerX509Certificate()!.fingerprint256;
    return { instance, keeper, drain, logs, handshake, ask, serial };
  }

  it('answers over TLS 1.2 and newer, and not over what is older', async () => {
    const { ask, handshake } = await listen();
    expect(await ask()).toMatch(/^HTTP\/1\.1 200 [^]*here$/);
    expect((await handshake({ maxVersion: 'TLSv1.2' })).getProtocol()).toBe('TLSv1.2');
    await expect(
      handshake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    ).rejects.toThrow();
  });

  it('takes over a new certificate for new connections, and keeps those that are open', async () => {
    const { keeper, serial, handshake, logs } = await listen();
    const old = await handshake();
    const before = await serial();
    put2(second);
    keeper.look();
    expect(await serial()).not.toBe(before);
    expect(logs.lines('tls.reloaded')).toHaveLength(1);
    expect(old.destroyed).toBe(false);
    keeper.look();
    expect(logs.lines('tls.reloaded')).toHaveLength(1);
  });

  it('stays at the old one while certificate and key do not fit, says so once, and goes on when they do', async () => {
    const { keeper, serial, logs } = await listen();
    const before = await serial();
    put(certFile, second.cert);
    keeper.look();
    keeper.look();
    expect(await serial()).toBe(before);
    expect(logs.lines('tls.reload_failed')).toHaveLength(1);
    expect(logs.text()).not.toContain('PRIVATE KEY');
    put(keyFile, second.key);
    keeper.look();
    expect(await serial()).not.toBe(before);
  });

  it('looks at once when it is sent SIGHUP, and not any more after it has stopped', async () => {
    const { keeper, serial } = await listen();
    const before = await serial();
    keeper.start();
    put2(second);
    process.emit('SIGHUP', 'SIGHUP');
    const after = await serial();
    expect(after).not.toBe(before);
    keeper.stop();
    put2(first);
    process.emit('SIGHUP', 'SIGHUP');
    expect(await serial()).toBe(after);
  });

  it('tells monitoring when the certificate expires', async () => {
    await listen();
    const [, seconds] = /^claviger_tls_certificate_expiry_seconds (\S+)/m.exec(await METRICS.render())!;
    expect(Number(seconds) - Date.now() / 1_000).toBeGreaterThan(3_000);
  });

  it('lets in clients of the given authority only', async () => {
    const { ask } = await listen(true);
    const client = issueCertificate('client', authority);
    expect(await ask({ cert: client.cert, key: client.key })).toContain('200');
    // With TLS 1.3 the refusal comes after the client's handshake: as an error, or as the end.
    for (const other of [{}, { cert: stranger.cert, key: stranger.key }])
      expect(await ask(other).catch(() => '')).toBe('');
  });

  it('ends connections on which nothing was ever asked when it closes', async () => {
    const { instance, drain, handshake } = await listen();
    const socket = await handshake();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await drain.during(() => instance.close());
    await closed;
    expect(instance.server.listening).toBe(false);
  });
});

describe('readTlsFiles', () => {
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const material = (cert: string, key: string, ca?: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'claviger-tls-'));
    const files = { certFile: join(folder, 'c'), keyFile: join(folder, 'k'), clientCaFile: ca && join(folder, 'a') };
    writeFileSync(files.certFile, cert);
    writeFileSync(files.keyFile, key);
    if (files.clientCaFile) writeFileSync(files.clientCaFile, ca!);
    try {
      return readTlsFiles(files);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it.each([
    ['a key of another certificate', first.cert, second.key, undefined, /CLAVIGER_TLS_KEY_FILE/],
    ['what is no certificate', 'canary-7f3a', first.key, undefined, /CLAVIGER_TLS_CERT_FILE/],
    ['what is no key', first.cert, 'canary-7f3a', undefined, /CLAVIGER_TLS_KEY_FILE/],
    ['authorities that are none', first.cert, first.key, 'canary-7f3a', /CLAVIGER_TLS_CLIENT_CA_FILE/],
  ])('refuses %s, naming the setting and nothing of the file', (_, cert, key, ca, names) => {
    const attempt = (): unknown => material(cert, key, ca);
    expect(attempt).toThrow(expect.objectContaining({ code: 'TLS_UNUSABLE' }));
    expect(attempt).toThrow(names);
    expect(attempt).not.toThrow(/canary|PRIVATE/);
  });

  it('refuses a file that is not there', () => {
    expect(() => readTlsFiles({ certFile: '/nowhere', keyFile: '/nowhere' })).toThrow(/CLAVIGER_TLS_CERT_FILE.*ENOENT/);
  });
});
