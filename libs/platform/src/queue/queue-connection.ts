import type { Logger } from '@claviger/platform/telemetry';
import {
  createPostgresBackend,
  createRedisBackend,
  isPgPool,
  setDefaultBackendFactory,
  type BackendFactory,
} from 'bullmq';
import type { Redis } from 'ioredis';
import { Pool } from 'pg';
import { pauseAfterFailedClaims } from './claim-pause.js';
import { ErrorThrottle } from './error-throttle.js';
import { QueueRedis } from './queue-redis.js';
import { settlesWithin } from './settles-within.js';

/** One LISTEN a queue of a worker, and a few statements at the same time. Opened as needed, closed when idle. */
const MAX_CONNECTIONS = 6;
const QUIT_WITHIN_MS = 1_000;

export type QueueOptions = {
  /** Redis to keep the queue in; without it the queue lives in the database. */
  readonly redisUrl?: string | undefined;
  /** PEM of the only authorities trusted for Redis. */
  readonly redisCa?: string | undefined;
  readonly databaseUrl: string;
  /** Shown in Redis' client list and in pg_stat_activity. */
  readonly clientName: string;
};

/** Nest injection token of the {@link QueueConnection}. */
export const QUEUE_CONNECTION = Symbol('QUEUE_CONNECTION');

/** The connection that the queues of a process share. */
export type QueueConnection = {
  readonly backend: 'redis' | 'postgres';
  /** What BullMQ takes as its `connection`. */
  readonly client: Redis | Pool;
  /** Rejects when the queue cannot be reached. */
  ping(): Promise<unknown>;
  /** Fails what waits for a queue that does not answer, so that the process can stop. */
  cut(): void;
  close(): Promise<void>;
};

/** Opens the connection without waiting for it: an unreachable queue is a matter of health, not of starting. */
export function openQueueConnection(options: QueueOptions, logger: Logger): QueueConnection {
  const onError = new ErrorThrottle(logger, 'queue.connection_failed').onError;
  return options.redisUrl ? openRedis(options.redisUrl, options, onError) : openPostgres(options, onError);
}

function openRedis(
  url: string,
  { clientName, redisCa }: QueueOptions,
  onError: (error: Error) => void,
): QueueConnection {
  const client = QueueRedis.open(url, clientName, redisCa);
  client.on('error', onError);
  return {
    backend: 'redis',
    client,
    ping: () => client.ping(),
    cut: () => client.cut(),
    close: async () => {
      if (client.status === 'ready') await settlesWithin(client.quit(), QUIT_WITHIN_MS);
      client.cut();
    },
  };
}

function openPostgres({ databaseUrl, clientName }: QueueOptions, onError: (error: Error) => void): QueueConnection {
  const client = new Pool({
    connectionString: withSessionSettings(databaseUrl),
    application_name: clientName,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  client.on('error', onError);
  return {
    backend: 'postgres',
    client,
    ping: () => client.query('select 1'),
    // Statements fail by themselves when PostgreSQL is gone.
    cut: () => undefined,
    close: () => client.end(),
  };
}

/**
 * BullMQ's tables are in a schema of their own. What it commits may be lost in a crash of PostgreSQL, like everything in
 * the queue, so its commits do not wait for the disk.
 */
function withSessionSettings(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  const settings = [url.searchParams.get('options'), '-c search_path=bullmq', '-c synchronous_commit=off'];
  url.searchParams.set('options', settings.filter(Boolean).join(' '));
  return url.href;
}

/**
 * Lets BullMQ choose its backend by the connection that it is given. (@nestjs/bullmq passes no backend on, so it has to
 * be the default of the process; this one depends on nothing but its arguments.)
 */
export function installBackends(): void {
  const byConnection: BackendFactory = (name, opts, factoryOptions) =>
    isPgPool(opts.connection)
      ? pauseAfterFailedClaims(createPostgresBackend(name, opts as never, factoryOptions))
      : createRedisBackend(name, opts, factoryOptions);
  setDefaultBackendFactory(byConnection);
}
