import { X509Certificate } from 'node:crypto';
import { z } from 'zod';

/** A path of a mount, an auth method or a namespace: segments without slashes at the ends. */
const path = (what: string): z.ZodString =>
  z
    .string()
    .min(1)
    .max(256)
    .regex(/^(?!\.{1,2}(?:\/|$))[\x21-\x2e\x30-\x7e]+(?:\/(?!\.{1,2}(?:\/|$))[\x21-\x2e\x30-\x7e]+)*$/, {
      error: `${what} is segments of printable ASCII separated by single slashes, with none at the ends`,
    });

const certificates = z
  .string()
  .max(256 * 1024)
  .refine(isCertificates, { error: 'is not one or more PEM certificates' });

/** Goes into a header, so nothing but printable ASCII may be in it. */
const headerSecret = z
  .string()
  .min(1)
  .max(8192)
  .regex(/^[\x21-\x7e]+$/, { error: 'has spaces, line breaks or characters beyond ASCII; paste it without them' });

const secret = z
  .string()
  .min(1)
  .max(64 * 1024);

const clientKey = z
  .string()
  .max(64 * 1024)
  .refine((text) => text.includes('PRIVATE KEY-----'), { error: 'is not a PEM private key' })
  .optional()
  .describe('PEM key of the client certificate.');

export const kvConfigSchema = z.strictObject({
  address: z
    .string()
    .max(2048)
    .refine((text) => addressProblem(text) === undefined, { error: ({ input }) => addressProblem(String(input)) })
    .describe('http or https URL of the server, without /v1. Use http only on loopback or a private network.'),
  namespace: path('A namespace').optional().describe('Namespace of mounts and logins, for example team/app.'),
  caCertificate: certificates
    .optional()
    .describe('PEM certificates of the only authorities trusted for this server; left out: those that Node trusts.'),
  clientCertificate: certificates.optional().describe('PEM certificate that Claviger presents (chain included).'),
  tlsServerName: z
    .string()
    .max(253)
    .regex(/^[A-Za-z0-9_.-]+$/, { error: 'is not a host name' })
    .optional()
    .describe('Name that the server’s certificate must carry, where it is not the host of the address.'),
  redirectHosts: z
    .array(
      z
        .string()
        .max(260)
        .regex(/^(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/, { error: 'is not a host or host:port' }),
    )
    .max(32)
    .optional()
    .describe('Hosts, or host:port, that a standby may redirect to: the other nodes of the cluster.'),
});

export type KvConfig = z.infer<typeof kvConfigSchema>;

const authPath = (method: string): z.ZodOptional<z.ZodString> =>
  path('An auth path').optional().describe(`Where the auth method is mounted; left out: ${method}.`);

export const kvCredentialsSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('token'), token: headerSecret, clientKey }),
  z.strictObject({
    type: z.literal('approle'),
    roleId: secret,
    secretId: secret,
    mountPath: authPath('approle'),
    clientKey,
  }),
  z.strictObject({
    type: z.literal('userpass'),
    username: path('A user name').describe('Name of the user, without slashes.'),
    password: secret,
    mountPath: authPath('userpass'),
    clientKey,
  }),
  z.strictObject({ type: z.literal('jwt'), role: secret, jwt: secret, mountPath: authPath('jwt'), clientKey }),
]);

export type KvCredentials = z.infer<typeof kvCredentialsSchema>;

function addressProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) return 'is not an http or https URL';
  if (url.username !== '' || url.password !== '') return 'carries credentials; give them as credentials';
  if (/[?#]/.test(text)) return 'has a query or a fragment; leave it out';
  if (/\/v1\/?$/.test(url.pathname)) return 'ends in /v1; leave that out';
  return undefined;
}

function isCertificates(text: string): boolean {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.length > 0 && blocks.every((block) => new X509Certificate(block).subject !== undefined);
  } catch {
    return false;
  }
}
