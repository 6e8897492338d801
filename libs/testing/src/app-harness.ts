import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrateAll } from '@claviger/composition';
import { newId, systemContext, type RequestContext, type SecretValue } from '@claviger/kernel';
import { TokenService } from '@claviger/features/access';
import { loadConfig, type Config } from '@claviger/platform/config';
import { Keyring, RootKey } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { JobQueue, type JobDefinition } from '@claviger/platform/queue';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { startApi } from '../../../apps/api/src/index.js';
import { startServices } from '../../../apps/standalone/src/start-services.js';
import { startWorker } from '../../../apps/worker/src/index.js';
import { ApiClient, type AnswerObserver } from './api-client.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { captureLogs, type LogCapture } from './log-capture.js';

// Not behind the door of libs/testing: whoever imports this loads the whole program.

export type AppOptions = {
  /** Environment variables over the harness's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Is told whatever the clients are answered. */
  readonly onAnswer?: AnswerObserver;
};

/** Claviger on a test database of its own: real sockets, real queue, real jobs. */
export type TestApp = {
  /** With the root token. */
  readonly api: ApiClient;
  /** The same for each api process, the first one being `api`. */
  readonly apis: readonly ApiClient[];
  readonly rootToken: string;
  /** The text of the root key that everything is sealed under. */
  readonly rootKey: string;
  readonly config: Config;
  readonly database: TestDatabase;
  /** What all processes have logged, from `trace` on. */
  readonly logs: LogCapture;
  /** The first api's Nest application. */
  readonly nest: NestFastifyApplication;
  /** A context of Claviger itself in the root store. */
  readonly system: RequestContext;
  /** Asks for a job to be run soon, as its schedule would. */
  runJob(job: JobDefinition<object>): void;
  /** Drains everything, closes it and drops the database. */
  close(): Promise<void>;
};

/** Starts api and worker as one application, as standalone does. */
export function startApp(options: AppOptions = {}): Promise<TestApp> {
  return start(options, async ({ config, logs }) => {
    const services = await startServices(config, { isAlone: false, logger: logs.logger });
    const rootToken = readFileSync(join(config.storage.dataDir, 'root-token'), 'utf8').trim();
    return { apis: [services], rootToken, others: [] };
  });
}

/** Starts two apis and a worker, each with a pool, a keyring and caches of its own, as two machines would have. */
export function startCluster(options: AppOptions = {}): Promise<TestApp> {
  return start(options, async ({ config, logs }) => {
    const { logger } = logs;
    const first = await startApi(config, { logger });
    const others = [first];
    try {
      const rootToken = await makeRootToken(first.app);
      const second = await startApi(config, { logger });
      others.push(second);
      const worker = await startWorker(config, logger);
      return { apis: [first, second], rootToken, others: [worker] };
    } catch (error) {
      for (const one of others.reverse()) await one.close();
      throw error;
    }
  });
}

type Ground = { readonly config: Config; readonly logs: LogCapture };
type Process = { close(): Promise<void> };
type Processes = {
  readonly apis: readonly (Process & { readonly url: string; readonly app: NestFastifyApplication })[];
  readonly rootToken: string;
  readonly others: readonly Process[];
};

async function start(options: AppOptions, boot: (ground: Ground) => Promise<Processes>): Promise<TestApp> {
  const rootKey = RootKey.generateText().reveal();
  const dataDir = mkdtempSync(join(tmpdir(), 'claviger-app-'));
  const database = await createTestDatabase();
  const leave = async (): Promise<void> => {
    await database.drop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    await migrateAll(database.url, undefined);
    const config = loadConfig({
      CLAVIGER_PORT: '0',
      CLAVIGER_DATA_DIR: dataDir,
      CLAVIGER_DATABASE_URL: database.url,
      CLAVIGER_ROOT_KEY: rootKey,
      CLAVIGER_AUDIT_ANCHOR_FILE: join(dataDir, 'audit-anchors'),
      ...options.env,
    });
    const logs = captureLogs();
    const { apis, rootToken, others } = await boot({ config, logs });
    const clients = apis.map(({ url }) => new ApiClient(url, rootToken, options.onAnswer));
    const nest = apis[0]!.app;
    return {
      api: clients[0]!,
      apis: clients,
      rootToken,
      rootKey,
      config,
      database,
      logs,
      nest,
      system: contextOf(nest),
      runJob: (job) => nest.get(JobQueue, { strict: false }).enqueue(job, {}),
      async close() {
        for (const one of [...others, ...apis]) await one.close();
        await leave();
      },
    };
  } catch (error) {
    await leave();
    throw error;
  }
}

function contextOf(nest: NestFastifyApplication): RequestContext {
  return systemContext({ requestId: newId(), storeId: nest.get(Keyring).rootStoreId, job: 'test' });
}

async function makeRootToken(nest: NestFastifyApplication): Promise<string> {
  let made: SecretValue | undefined;
  const tokens = nest.get(TokenService, { strict: false });
  await nest.get(Database).transaction(contextOf(nest), (tx) =>
    tokens.createFirst(tx, async (token) => {
      made = token;
    }),
  );
  return made!.reveal();
}
