import { existsSync } from 'node:fs';

import type { Config } from '@claviger/platform/config';
import {
  acquireDataLock,
  dataPaths,
  prepareDataDirectory,
  type DataLock,
  type ProductVersion,
} from '@claviger/platform/embedded';

import { bringUpToDate, openData, type OpenData } from './data.js';
import { assertPortFree } from './port-check.js';
import { resolveRootKey } from './root-key.js';
import type { RunContext } from './run.js';

/** Something that works until it is closed; `close` takes on nothing new, finishes what it has and then resolves. */
export interface Running {
  close(): Promise<void>;
}

/** The api: `url` is the address that it listens on. */
export interface RunningApi extends Running {
  readonly url: string;
}

/** The two processes that standalone runs as one. */
export type StandaloneParts = {
  readonly startApi: (config: Config) => Promise<RunningApi>;
  readonly startWorker: (config: Config) => Promise<Running>;
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
  const { config, parts } = options;
  const lock = await claim(config, run);
  run.signal.throwIfAborted();
  const data = await openStorage(options, lock, run);
  run.signal.throwIfAborted();
  const complete = completeConfig(config, lock.dataDir, data);
  const running: Running[] = [];
  run.cleanup.push('requests and jobs', () => closeAll(running), DRAIN_LIMIT_MS);
  running.push(await parts.startWorker(complete));
  run.signal.throwIfAborted();
  const api = await parts.startApi(complete);
  running.push(api);
  return { url: api.url, dataDir: lock.dataDir };
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
  const { databaseUrl } = config.storage;
  const givenRootKey = config.security.rootKey;
  if (databaseUrl === undefined) return openData({ lock, product, givenRootKey, say }, run);
  const rootKey = await resolveRootKey({ databaseUrl, dataDir: lock.dataDir, given: givenRootKey });
  await bringUpToDate(databaseUrl);
  return { databaseUrl, rootKey };
}

function completeConfig(config: Config, dataDir: string, { databaseUrl, rootKey }: OpenData): Config {
  return {
    ...config,
    storage: { ...config.storage, dataDir, databaseUrl },
    security: { ...config.security, rootKey: rootKey.reveal() },
  };
}

async function closeAll(running: readonly Running[]): Promise<void> {
  const results = await Promise.allSettled(running.map((each) => each.close()));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
