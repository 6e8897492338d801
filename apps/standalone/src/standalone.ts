import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { Config } from '@claviger/platform/config';
import {
  acquireDataLock,
  dataPaths,
  prepareDataDirectory,
  type DataLock,
  type ProductVersion,
} from '@claviger/platform/embedded';

import { openData, type OpenData } from './data.js';
import { assertPortFree } from './port-check.js';
import { resolveRootKey } from './root-key.js';
import type { RunContext } from './run.js';

/** Api and worker, running in this process. */
export interface RunningServices {
  /** The address that the api listens on. */
  readonly url: string;
  /** Takes on nothing new, finishes the requests and jobs under way, then resolves. */
  close(): Promise<void>;
}

/** What standalone composes, beside the data that it looks after itself. */
export type StandaloneParts = {
  /** Brings a database up to date, with the queue's tables unless the queue is in Redis. */
  readonly migrate: (databaseUrl: string, redisUrl: string | undefined) => Promise<unknown>;
  /** Starts everything over a complete configuration. */
  readonly startServices: (config: Config, options: { readonly isAlone: boolean }) => Promise<RunningServices>;
};

export type StandaloneOptions = {
  readonly config: Config;
  readonly product: ProductVersion;
  readonly parts: StandaloneParts;
  readonly say: (line: string) => void;
};

export type Started = { readonly url: string; readonly dataDir: string };

/** How long requests and jobs may take to end before PostgreSQL is stopped all the same. */
const DRAIN_LIMIT_MS = 30_000;

/** Starts everything on this machine. Each thing that it opens is left to `run.cleanup`. Throws AppErrors. */
export async function startStandalone(options: StandaloneOptions, run: RunContext): Promise<Started> {
  const lock = await claim(options.config, run);
  run.signal.throwIfAborted();
  const data = await openStorage(options, lock, run);
  run.signal.throwIfAborted();
  const services = await options.parts.startServices(completeConfig(options.config, lock.dataDir, data), {
    // The data directory's lock says so; a database that was given may be shared.
    isAlone: options.config.storage.databaseUrl === undefined,
  });
  run.cleanup.push('requests and jobs', () => services.close(), DRAIN_LIMIT_MS);
  return { url: services.url, dataDir: lock.dataDir };
}

/**
 * Takes the data directory for this process, and makes it where there is none. A port in use is found out before
 * anything is made; a second start on the same directory is told so rather than that its port is in use.
 */
async function claim({ server, storage }: Config, run: RunContext): Promise<DataLock> {
  const hold = (): DataLock => {
    const lock = acquireDataLock(prepareDataDirectory(storage.dataDir));
    run.cleanup.push('data directory', () => lock.release());
    return lock;
  };
  const early = existsSync(dataPaths(storage.dataDir).lock) ? hold() : undefined;
  await assertPortFree(server.host, server.port);
  return early ?? hold();
}

async function openStorage(options: StandaloneOptions, lock: DataLock, run: RunContext): Promise<OpenData> {
  const { config, product, say } = options;
  const { databaseUrl, redisUrl } = config.storage;
  const givenRootKeys = { given: config.security.rootKey, givenPrevious: config.security.rootKeyPrevious };
  const migrate = (url: string): Promise<unknown> => options.parts.migrate(url, redisUrl);
  if (databaseUrl === undefined) return openData({ lock, product, migrate, givenRootKeys, say }, run);
  const rootKeys = await resolveRootKey({ databaseUrl, dataDir: lock.dataDir, ...givenRootKeys });
  await migrate(databaseUrl);
  return { databaseUrl, ...rootKeys };
}

function completeConfig(config: Config, dataDir: string, data: OpenData): Config {
  const { databaseUrl, rootKey, rootKeyPrevious } = data;
  return {
    ...config,
    storage: { ...config.storage, dataDir, databaseUrl },
    security: {
      ...config.security,
      rootKey: rootKey.reveal(),
      rootKeyPrevious: rootKeyPrevious?.reveal(),
      auditAnchorFile: config.security.auditAnchorFile ?? join(dataDir, 'audit-anchors'),
    },
    retention: { ...config.retention, exportDir: config.retention.exportDir ?? join(dataDir, 'exports') },
  };
}
