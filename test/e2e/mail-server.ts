import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { issueCertificate } from '@claviger/testing';
import { SMTPServer } from 'smtp-server';

/** A mail as the server got it. */
export type ReceivedMail = { readonly to: readonly string[]; readonly isSecure: boolean; readonly text: string };

const USER = 'claviger';

/** A real SMTP server on the loopback with STARTTLS and a password. */
export class MailServer {
  readonly mails: ReceivedMail[] = [];

  private constructor(
    private readonly server: SMTPServer,
    /** The environment of a program that sends through it. */
    readonly env: Readonly<Record<string, string>>,
  ) {}

  /** `directory` takes the file of its certificate. It refuses recipients that begin with `nobody`. */
  static async start(directory: string, password: string): Promise<MailServer> {
    const { cert, key } = issueCertificate('localhost');
    const server = new SMTPServer({
      cert,
      key,
      onAuth: ({ username, password: given }, _session, done) =>
        username === USER && given === password ? done(null, { user: USER }) : done(new Error('Wrong.')),
      onRcptTo: ({ address }, _session, done) =>
        done(address.startsWith('nobody') ? Object.assign(new Error('No such mailbox.'), { responseCode: 550 }) : null),
      onData: (stream, { envelope, secure }, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const to = envelope.rcptTo.map(({ address }) => address);
          mail.mails.push({ to, isSecure: secure, text: Buffer.concat(chunks).toString() });
          done();
        });
      },
    });
    server.on('error', () => undefined);
    const listening = server.listen(0, '127.0.0.1');
    await new Promise((resolve) => listening.once('listening', resolve));
    const file = join(directory, 'mail-authority.pem');
    writeFileSync(file, cert);
    const { port } = listening.address() as AddressInfo;
    const mail = new MailServer(server, {
      CLAVIGER_SMTP_URL: `smtp://${USER}:${encodeURIComponent(password)}@localhost:${port}`,
      CLAVIGER_SMTP_CA_CERTIFICATES: file,
      CLAVIGER_MAIL_FROM: 'claviger@vault.example',
      CLAVIGER_PUBLIC_URL: 'https://vault.example',
    });
    return mail;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.server.close(resolve));
  }
}
