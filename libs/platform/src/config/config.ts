import { resolve } from 'node:path';
import { z } from 'zod';
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

const flag = z
  .enum(['true', 'false'], 'must be true or false')
  .default('false')
  .transform((text) => text === 'true');

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
} as const satisfies Concern;

/** Keys and what may be reached. */
export const SECURITY = {
  rootKey: {
    name: 'CLAVIGER_ROOT_KEY',
    description: 'Root key, 32 bytes in base64; standalone keeps it in the file root-key of the data directory.',
    sensitive: true,
    schema: z
      .string()
      .refine((text) => Buffer.from(text, 'base64').length === 32, { message: 'must be 32 bytes in base64' })
      .optional(),
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
    schema: z
      .string()
      .transform((path) => resolve(path))
      .optional(),
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
    schema: z
      .string()
      .transform((path) => resolve(path))
      .optional(),
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
    server: parseConcern(SERVER, env),
    storage: parseConcern(STORAGE, env),
    security: parseConcern(SECURITY, env),
    telemetry: parseConcern(TELEMETRY, env),
    work: parseConcern(WORK, env),
    notifications: parseConcern(NOTIFICATIONS, env),
    reports: parseConcern(REPORTS, env),
  };
}
