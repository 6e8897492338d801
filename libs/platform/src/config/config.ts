import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { AppError } from '@claviger/kernel';
import { z } from 'zod';
import { overVerifiedTls } from './database-tls.js';
import { parseConcern, type Concern, type ConcernValues, type Environment } from './config-variable.js';

const port = z.coerce
  .number('must be a port number')
  .int('must be a port number')
  .min(0)
  .max(65535, 'must be at most 65535');
const wholeNumber = (min: number, max: number, fallback: number) =>
  z.coerce
    .number('must be a whole number')
    .int('must be a whole number')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(fallback);
const days = z.coerce
  .number('must be a number of days')
  .int('must be a number of days')
  .min(1, 'must be at least 1')
  .max(36_500, 'must be at most 36500');
const url = (...protocols: string[]) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
    message: `must be a URL that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`,
  });
const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part.length > 0),
  );

/** Whether a text is an IP address, or one with the length of its network. */
const isAddressRange = (text: string): boolean => {
  const [, address = '', length = '0'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  return Number(length) <= { 0: -1, 4: 32, 6: 128 }[isIP(address)]!;
};

const file = z
  .string()
  .transform((path) => resolve(path))
  .optional();

const flag = z
  .enum(['true', 'false'], 'must be true or false')
  .default('false')
  .transform((text) => text === 'true');

const rootKey = z
  .string()
  .refine((text) => Buffer.from(text, 'base64').length === 32, { message: 'must be 32 bytes in base64' })
  .optional();

/** Where Claviger listens. */
export const SERVER = {
  host: {
    name: 'CLAVIGER_HOST',
    description: 'Address to listen on.',
    sensitive: false,
    schema: z.string().default('127.0.0.1'),
  },
  port: {
    name: 'CLAVIGER_PORT',
    description: 'Port to listen on; 0 takes a free one.',
    sensitive: false,
    schema: port.default(8200),
  },
  drainSeconds: {
    name: 'CLAVIGER_DRAIN_SECONDS',
    description:
      'How long an api that was asked to stop goes on answering while /readyz says 503, so that whoever distributes requests can turn to another one. At least as long as that takes to notice; standalone stops at once.',
    sensitive: false,
    schema: wholeNumber(0, 600, 5),
  },
  trustedProxies: {
    name: 'CLAVIGER_TRUSTED_PROXIES',
    description:
      'Comma-separated addresses and CIDR ranges of proxies whose X-Forwarded-For is believed, so that the audit log names the caller.',
    sensitive: false,
    schema: list.refine((all) => all.every(isAddressRange), 'must be IP addresses or CIDR ranges'),
  },
  tlsCertFile: {
    name: 'CLAVIGER_TLS_CERT_FILE',
    description:
      'File with the PEM of the certificate to listen with (and of those between it and its authority), read anew when it changes. Without it, plain HTTP.',
    sensitive: false,
    schema: file,
  },
  tlsKeyFile: {
    name: 'CLAVIGER_TLS_KEY_FILE',
    description: "File with the PEM of the certificate's private key.",
    sensitive: false,
    schema: file,
  },
  tlsClientCaFile: {
    name: 'CLAVIGER_TLS_CLIENT_CA_FILE',
    description: 'File with the PEM of authorities: when given, only clients with a certificate of theirs are let in.',
    sensitive: false,
    schema: file,
  },
} as const satisfies Concern;

/** Where Claviger keeps its state. */
export const STORAGE = {
  dataDir: {
    name: 'CLAVIGER_DATA_DIR',
    description: 'Directory of the embedded database, the keys and the first root token (standalone).',
    sensitive: false,
    schema: z
      .string()
      .default('.claviger')
      .transform((path) => resolve(path)),
  },
  databaseUrl: {
    name: 'CLAVIGER_DATABASE_URL',
    description: 'PostgreSQL to use instead of the embedded one.',
    sensitive: true,
    schema: url('postgres:', 'postgresql:').optional(),
  },
  databaseCaCertificates: {
    name: 'CLAVIGER_DATABASE_CA_CERTIFICATES',
    description:
      'File with the PEM of the only authorities trusted for PostgreSQL: with it, the connection is encrypted and the server must prove its name.',
    sensitive: false,
    schema: file,
  },
  databasePoolSize: {
    name: 'CLAVIGER_DATABASE_POOL_SIZE',
    description: 'Most connections to PostgreSQL of one process, the queue not counted.',
    sensitive: false,
    schema: wholeNumber(4, 100, 12),
  },
  redisUrl: {
    name: 'CLAVIGER_REDIS_URL',
    description: 'Redis for the job queue; without it the queue lives in PostgreSQL.',
    sensitive: true,
    schema: url('redis:', 'rediss:').optional(),
  },
  redisCaCertificates: {
    name: 'CLAVIGER_REDIS_CA_CERTIFICATES',
    description:
      'File with the PEM of the only authorities trusted for Redis, whose address then begins with rediss://.',
    sensitive: false,
    schema: file,
  },
} as const satisfies Concern;

/** Keys and what may be reached. */
export const SECURITY = {
  rootKey: {
    name: 'CLAVIGER_ROOT_KEY',
    description: 'Root key, 32 bytes in base64; standalone keeps it in the file root-key of the data directory.',
    sensitive: true,
    schema: rootKey,
  },
  rootKeyPrevious: {
    name: 'CLAVIGER_ROOT_KEY_PREVIOUS',
    description: 'The root key that the data is still sealed under, while CLAVIGER_ROOT_KEY takes its place.',
    sensitive: true,
    schema: rootKey,
  },
  networkAllow: {
    name: 'CLAVIGER_NETWORK_ALLOW',
    description: 'Comma-separated hosts and CIDR ranges; when given, vaults are reached nowhere else.',
    sensitive: false,
    schema: list,
  },
  networkDeny: {
    name: 'CLAVIGER_NETWORK_DENY',
    description: 'Comma-separated hosts and CIDR ranges that vaults must not be reached at.',
    sensitive: false,
    schema: list,
  },
  awsEnvironmentCredentials: {
    name: 'CLAVIGER_AWS_ENVIRONMENT_CREDENTIALS',
    description:
      'true lets vault instances of every store use the AWS credentials of Claviger itself: those of its variables and AWS files, its container or its machine.',
    sensitive: false,
    schema: flag,
  },
  auditAnchorFile: {
    name: 'CLAVIGER_AUDIT_ANCHOR_FILE',
    description:
      'File outside PostgreSQL to which every audit seal is appended (standalone: audit-anchors in the data directory).',
    sensitive: false,
    schema: file,
  },
} as const satisfies Concern;

/** What Claviger says about itself. */
export const TELEMETRY = {
  logLevel: {
    name: 'CLAVIGER_LOG_LEVEL',
    description:
      'Least severe log lines to write, to standard output or, standalone, to claviger.log in the data directory: trace, debug, info, warn, error or silent.',
    sensitive: false,
    schema: z
      .enum(
        ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
        'must be one of trace, debug, info, warn, error, silent',
      )
      .default('info'),
  },
  otlpEndpoint: {
    name: 'CLAVIGER_OTLP_ENDPOINT',
    description:
      'Where traces are told to: an OpenTelemetry collector, over HTTP (http://collector:4318/v1/traces). Without it, nowhere.',
    sensitive: false,
    schema: url('http:', 'https:').optional(),
  },
  traceRatio: {
    name: 'CLAVIGER_TRACE_RATIO',
    description:
      'Share of the traces that begin here and are told, from 0 to 1; those begun elsewhere go on as they were.',
    sensitive: false,
    schema: z.coerce.number('must be a number').min(0, 'must be at least 0').max(1, 'must be at most 1').default(1),
  },
  metricsPort: {
    name: 'CLAVIGER_METRICS_PORT',
    description:
      'Port on which this process tells metrics (/metrics, for Prometheus) and health (/livez, /readyz) to whoever asks; 0 takes a free one. Without it, it does not.',
    sensitive: false,
    schema: port.optional(),
  },
  metricsHost: {
    name: 'CLAVIGER_METRICS_HOST',
    description: 'Address to listen on for metrics.',
    sensitive: false,
    schema: z.string().default('127.0.0.1'),
  },
} as const satisfies Concern;

/** How work in the background is done. */
export const WORK = {
  workerConcurrency: {
    name: 'CLAVIGER_WORKER_CONCURRENCY',
    description: 'Secrets replicated at the same time by one worker.',
    sensitive: false,
    schema: wholeNumber(1, 256, 16),
  },
  verifyIntervalSeconds: {
    name: 'CLAVIGER_VERIFY_INTERVAL_SECONDS',
    description: 'How often each source and replica is read back and compared.',
    sensitive: false,
    schema: wholeNumber(10, 30 * 86_400, 86_400),
  },
  complianceIntervalSeconds: {
    name: 'CLAVIGER_COMPLIANCE_INTERVAL_SECONDS',
    description: 'Longest time between two looks at a secret by compliance rules; changes and dates are met at once.',
    sensitive: false,
    schema: wholeNumber(10, 30 * 86_400, 900),
  },
  deleteFuse: {
    name: 'CLAVIGER_DELETE_FUSE',
    description:
      'Most secrets and copies of a store that may be deleted in vaults within ten minutes, until somebody lifts the fuse; 0 for no limit.',
    sensitive: false,
    schema: wholeNumber(0, 1_000_000, 100),
  },
} as const satisfies Concern;

/** How long things are kept. */
export const RETENTION = {
  auditDays: {
    name: 'CLAVIGER_AUDIT_RETENTION_DAYS',
    description:
      'Whole days that audit entries are kept after the day that they were made on; then they are exported and dropped. For ever unless set.',
    sensitive: false,
    schema: days.optional(),
  },
  changeDays: {
    name: 'CLAVIGER_CHANGE_RETENTION_DAYS',
    description:
      'Days that a change without an approval is kept after it has ended; then it is exported and removed. For ever unless set.',
    sensitive: false,
    schema: days.optional(),
  },
  exportDir: {
    name: 'CLAVIGER_EXPORT_DIR',
    description:
      'Directory that audit entries and changes are exported to before they are dropped (standalone: exports in the data directory). All workers should have the same.',
    sensitive: false,
    schema: z
      .string()
      .transform((path) => resolve(path))
      .optional(),
  },
} as const satisfies Concern;

/** Who is told about events. */
export const NOTIFICATIONS = {
  smtpUrl: {
    name: 'CLAVIGER_SMTP_URL',
    description:
      'Mail server, with user and password in it where it wants them: smtp://user:password@host:587 (STARTTLS, required with a password) or smtps://…. Mail waits without it.',
    sensitive: true,
    schema: url('smtp:', 'smtps:').optional(),
  },
  smtpCaCertificates: {
    name: 'CLAVIGER_SMTP_CA_CERTIFICATES',
    description: 'File with the PEM of the only authorities trusted for the mail server.',
    sensitive: false,
    schema: file,
  },
  mailFrom: {
    name: 'CLAVIGER_MAIL_FROM',
    description: 'Address that mail comes from.',
    sensitive: false,
    schema: z.email('must be an e-mail address').default('claviger@localhost.localdomain'),
  },
  publicUrl: {
    name: 'CLAVIGER_PUBLIC_URL',
    description: 'Address under which people reach Claviger, for links in mail.',
    sensitive: false,
    schema: url('https:', 'http:').optional(),
  },
} as const satisfies Concern;

/** What is drawn for auditors. */
export const REPORTS = {
  retentionDays: {
    name: 'CLAVIGER_REPORT_RETENTION_DAYS',
    description: 'Days after which the documents of a report are erased; what it was and its signatures stay.',
    sensitive: false,
    schema: wholeNumber(1, 3_650, 90),
  },
} as const satisfies Concern;

/** All concerns, in the order of the documentation. */
export const CONCERNS = {
  server: SERVER,
  storage: STORAGE,
  security: SECURITY,
  telemetry: TELEMETRY,
  work: WORK,
  retention: RETENTION,
  notifications: NOTIFICATIONS,
  reports: REPORTS,
};

export type Config = { readonly [K in keyof typeof CONCERNS]: ConcernValues<(typeof CONCERNS)[K]> };

/** Nest injection token of the {@link Config}. */
export const CONFIG = Symbol('CONFIG');

/**
 * The configuration from environment variables, parsed once before anything starts.
 *
 * @throws AppError `CONFIG_INVALID` naming variables and rules, never values
 */
export function loadConfig(env: Environment): Config {
  return {
    server: parseServer(env),
    storage: parseStorage(env),
    security: parseConcern(SECURITY, env),
    telemetry: parseConcern(TELEMETRY, env),
    work: parseConcern(WORK, env),
    retention: parseConcern(RETENTION, env),
    notifications: parseConcern(NOTIFICATIONS, env),
    reports: parseConcern(REPORTS, env),
  };
}

function parseServer(env: Environment): Config['server'] {
  const server = parseConcern(SERVER, env);
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile } = server;
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined))
    throw contradiction('Set CLAVIGER_TLS_CERT_FILE and CLAVIGER_TLS_KEY_FILE, or neither.');
  if (tlsClientCaFile !== undefined && tlsCertFile === undefined)
    throw contradiction('CLAVIGER_TLS_CLIENT_CA_FILE is of use with CLAVIGER_TLS_CERT_FILE only.');
  return server;
}

function parseStorage(env: Environment): Config['storage'] {
  const storage = parseConcern(STORAGE, env);
  const { databaseUrl, databaseCaCertificates, redisUrl, redisCaCertificates } = storage;
  if (redisCaCertificates !== undefined && !redisUrl?.startsWith('rediss:'))
    throw contradiction('CLAVIGER_REDIS_CA_CERTIFICATES is set: begin CLAVIGER_REDIS_URL with rediss://.');
  if (databaseCaCertificates === undefined || databaseUrl === undefined) return storage;
  return { ...storage, databaseUrl: overVerifiedTls(databaseUrl, databaseCaCertificates) };
}

function contradiction(rule: string): AppError {
  return new AppError({ code: 'CONFIG_INVALID', kind: 'invalid', message: `The configuration is wrong. ${rule}` });
}
