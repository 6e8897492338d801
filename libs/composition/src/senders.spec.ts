import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MailAnswer } from '@claviger/features/notifications';
import { afterEach, describe, expect, it } from '@jest/globals';
import { issueCertificate } from '@claviger/testing';
import { createNetworkPolicy } from '@claviger/vaults/network';
import { SMTPServer } from 'smtp-server';
import { SmtpMailSender } from './mail-sender.js';
import { PinnedWebhookSender } from './webhook-sender.js';

const open: { close(done: () => void): void }[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    (server as Partial<HttpServer>).closeAllConnections?.();
    await new Promise<void>((resolve) => server.close(resolve));
  }
});

async function portOf(server: Server): Promise<number> {
  await new Promise((resolve) => server.once('listening', resolve));
  return (server.address() as AddressInfo).port;
}

const policy = createNetworkPolicy({ allow: [], deny: [] });
const message = (url: string, caCertificate: string | null = null) => ({ url, caCertificate, headers: {}, body: '{}' });

describe('a webhook', () => {
  it('is posted over TLS to whom the authority given vouches for, and to nobody else', async () => {
    const pair = issueCertificate('localhost');
    const server = createTlsServer(pair, (_, response) => void response.writeHead(202).end());
    open.push(server);
    const url = `https://localhost:${await portOf(server.listen(0, '127.0.0.1'))}/`;
    const sender = new PinnedWebhookSender(policy);
    expect(await sender.post(message(url, pair.cert))).toMatchObject({ statusCode: 202 });
    expect(await sender.post(message(url))).toEqual({ error: 'MISCONFIGURED' });
    expect(await sender.post(message(url, issueCertificate('localhost').cert))).toEqual({ error: 'MISCONFIGURED' });
  });

  it('is given up when no answer comes, and told when the receiver asks for patience', async () => {
    const server = createServer(({ url }, response) => {
      if (url === '/busy') response.writeHead(429, { 'retry-after': '120' }).end();
    });
    open.push(server);
    const url = `http://127.0.0.1:${await portOf(server.listen(0, '127.0.0.1'))}`;
    expect(await new PinnedWebhookSender(policy, 50).post(message(`${url}/silent`))).toEqual({ error: 'TIMEOUT' });
    const busy = await new PinnedWebhookSender(policy).post(message(`${url}/busy`));
    expect(busy).toEqual({ statusCode: 429, retryAfterMs: 120_000 });
  });

  it('goes nowhere that the network lists forbid', async () => {
    const strict = new PinnedWebhookSender(createNetworkPolicy({ allow: [], deny: ['127.0.0.0/8'] }));
    expect(await strict.post(message('http://127.0.0.1:1/'))).toEqual({ error: 'ADDRESS_DENIED' });
    expect(await strict.post(message('https://127.0.0.1:1/'))).toEqual({ error: 'ADDRESS_DENIED' });
  });
});

describe('mail', () => {
  const mail = { id: 'x', to: 'ada@shop.example', subject: 'x', text: 'x' };

  it('does not show the password to a server that offers no TLS', async () => {
    const heard: string[] = [];
    const server = new SMTPServer({
      hideSTARTTLS: true,
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: ({ password }, _session, done) => {
        heard.push(String(password));
        done(null, { user: 'x' });
      },
    });
    server.on('error', () => undefined);
    open.push(server);
    const port = await portOf(server.listen(0, '127.0.0.1'));
    const sender = new SmtpMailSender({ url: `smtp://user:password@127.0.0.1:${port}`, from: 'c@v.example' });
    expect(await sender.send(mail)).toMatchObject({ error: expect.any(String), isPermanent: false });
    expect(heard).toEqual([]);
    const withoutPassword = new SmtpMailSender({ url: `smtp://127.0.0.1:${port}`, from: 'c@v.example' });
    expect(await withoutPassword.send(mail)).not.toMatchObject({ error: 'MISCONFIGURED' });
  });

  it('is unavailable where nothing listens', async () => {
    const sender = new SmtpMailSender({ url: 'smtp://127.0.0.1:1', from: 'c@v.example' });
    expect(await sender.send(mail)).toEqual({ error: 'UNAVAILABLE', isPermanent: false });
  });

  it.each([
    ['smtps://', true],
    ['smtp://', false],
  ])('goes by %s to a server of the authority given, and its password to no other', async (scheme, secure) => {
    const directory = mkdtempSync(join(tmpdir(), 'claviger-mail-'));
    const { cert, key } = issueCertificate('localhost');
    const authorities = { right: cert, wrong: issueCertificate('stranger').cert };
    const heard: string[] = [];
    const server = new SMTPServer({
      cert,
      key,
      secure,
      onAuth: ({ password }, _session, done) => {
        heard.push(String(password));
        done(null, { user: 'x' });
      },
    });
    server.on('error', () => undefined);
    open.push(server);
    const port = await portOf(server.listen(0, '127.0.0.1'));
    const send = (name: keyof typeof authorities): Promise<MailAnswer> => {
      const caCertificates = join(directory, name);
      writeFileSync(caCertificates, authorities[name]);
      const url = `${scheme}user:password@localhost:${port}`;
      return new SmtpMailSender({ url, from: 'c@v.example', caCertificates }).send(mail);
    };
    expect(await send('wrong')).toMatchObject({ error: expect.any(String), isPermanent: false });
    expect(heard).toEqual([]);
    expect(await send('right')).toEqual({ statusCode: 250 });
    expect(heard).toEqual(['password']);
    rmSync(directory, { recursive: true });
  });

  it('is not sent with authorities that are none: a process says so when it starts', () => {
    const make = (caCertificates: string) => () =>
      new SmtpMailSender({ url: 'smtp://localhost', from: 'c@v.example', caCertificates });
    expect(make('/nowhere')).toThrow(/CLAVIGER_SMTP_CA_CERTIFICATES: the file cannot be read/);
    expect(make('package.json')).toThrow(/CLAVIGER_SMTP_CA_CERTIFICATES: there is no PEM certificate/);
  });
});
