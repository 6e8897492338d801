import type { Mail, MailAnswer, MailSender } from '@claviger/features/notifications';
import { readCertificates } from './certificate-file.js';
import { createTransport, type Transporter } from 'nodemailer';

export type MailServer = {
  readonly url: string;
  readonly from: string;
  /** File with the PEM of the only authorities trusted. */
  readonly caCertificates?: string | undefined;
};

const STEP_TIMEOUT_MS = 10_000;
/** Of the whole conversation; shorter than the lease of a delivery. */
const TIMEOUT_MS = 30_000;

/** No mail server is configured. */
export class NoMailSender implements MailSender {
  readonly isConfigured = false;

  send(): Promise<MailAnswer> {
    return Promise.resolve({ error: 'NOT_CONFIGURED', isPermanent: false });
  }
}

/** Hands mail to one server through nodemailer. The operators chose the server, so the network policy of vaults is not asked. */
export class SmtpMailSender implements MailSender {
  readonly isConfigured = true;
  readonly #transport: Transporter;
  readonly #from: string;

  /** @throws AppError CONFIG_INVALID when the file of certificates cannot be read */
  constructor({ url, from, caCertificates }: MailServer) {
    const { protocol, hostname, port, username, password } = new URL(url);
    const isSecure = protocol === 'smtps:';
    this.#from = from;
    this.#transport = createTransport({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (isSecure ? 465 : 587) : Number(port),
      secure: isSecure,
      // A password is never sent in the clear: whoever stands in between could leave STARTTLS out of what is offered.
      requireTLS: password !== '',
      ...(username === '' ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
      tls: {
        minVersion: 'TLSv1.2',
        // Said aloud, because NODE_TLS_REJECT_UNAUTHORIZED=0 would switch it off otherwise.
        rejectUnauthorized: true,
        ...(caCertificates === undefined
          ? {}
          : { ca: readCertificates('CLAVIGER_SMTP_CA_CERTIFICATES', caCertificates) }),
      },
      connectionTimeout: STEP_TIMEOUT_MS,
      greetingTimeout: STEP_TIMEOUT_MS,
      socketTimeout: STEP_TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  async send({ id, to, subject, text }: Mail): Promise<MailAnswer> {
    const messageId = `<${id}@${this.#from.split('@').at(-1)}>`;
    // Programs that answer mail for people who are away leave such mail alone (RFC 3834).
    const headers = { 'auto-submitted': 'auto-generated' };
    const sent = this.#transport.sendMail({
      from: this.#from,
      to: { name: '', address: to },
      subject,
      text,
      messageId,
      headers,
    });
    sent.catch(() => undefined);
    try {
      const info: unknown = await Promise.race([sent, timeout()]);
      return { statusCode: statusOf((info as { response?: unknown }).response) ?? 250 };
    } catch (error) {
      return refusal(error);
    }
  }
}

function timeout(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(Object.assign(new Error('too slow'), { code: 'ETIMEDOUT' })), TIMEOUT_MS).unref();
  });
}

/** By the codes of nodemailer and SMTP; a text may quote what was sent. */
function refusal(error: unknown): MailAnswer {
  const { code, responseCode, command } = error as { code?: unknown; responseCode?: unknown; command?: unknown };
  const statusCode = typeof responseCode === 'number' ? responseCode : undefined;
  // RFC 5321: 5yz is for good. Only what is said of this mail: a refused log-in is the configuration's fault.
  const isAboutMail = ['RCPT TO', 'DATA'].includes(String(command));
  if (statusCode !== undefined) return { error: 'REFUSED', statusCode, isPermanent: isAboutMail && statusCode >= 500 };
  if (code === 'ETIMEDOUT') return { error: 'TIMEOUT', isPermanent: false };
  return { error: code === 'ETLS' || code === 'EAUTH' ? 'MISCONFIGURED' : 'UNAVAILABLE', isPermanent: false };
}

function statusOf(response: unknown): number | undefined {
  return typeof response === 'string' && /^\d{3}/.test(response) ? Number(response.slice(0, 3)) : undefined;
}
