import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '@claviger/kernel';
import { createDataSource, migrate } from '@claviger/platform/database';
import { acquireDataLock, dataPaths, openEmbeddedDatabase } from '@claviger/platform/embedded';
import { Client } from 'pg';

type Server = { readonly url: string; stop(): Promise<void> };

let servers: readonly Server[] = [];
let template: string | undefined;

/**
 * Starts a PostgreSQL for each worker of the run, because transactions in one database hold up sealing in all others of its
 * server; or takes the one at CLAVIGER_TEST_DATABASE_URL for all. Migrates the template that test databases are cloned from.
 * Workers learn both through the environment, as they are started after it (worker-database.mjs).
 */
export async function startTestServers({ maxWorkers }: { readonly maxWorkers: number }): Promise<void> {
  const given = process.env['CLAVIGER_TEST_DATABASE_URL'];
  let stopping: Promise<void> | undefined;
  // Every process above passes the signal on, so that it comes more than once: the second must not end this one half way.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => void (stopping ??= stopTestServers().finally(() => process.exit(1))));
  servers = given
    ? [{ url: given, stop: async () => undefined }]
    : await Promise.all(Array.from({ length: maxWorkers }, openServer));
  template = `claviger_template_${newId().replaceAll('-', '')}`;
  process.env['CLAVIGER_TEST_TEMPLATE'] = template;
  await Promise.all(servers.map(({ url }) => makeTemplate(url)));
  for (const [index, { url }] of servers.entries()) process.env[`CLAVIGER_TEST_DATABASE_URL_${index + 1}`] = url;
}

/** Drops the templates and stops the servers, where this run started them. */
export async function stopTestServers(): Promise<void> {
  for (const { url, stop } of servers) {
    if (template) await administer(url, `drop database if exists ${template}`);
    await stop();
  }
}

async function makeTemplate(url: string): Promise<void> {
  await administer(url, `create database ${template}`);
  await migrateTemplate(databaseUrl(url, template!));
}

/** Without fsync: what these tests prove of durability, they prove of our code and not of PostgreSQL. */
const SETTINGS = { fsync: 'off', full_page_writes: 'off', max_connections: '300' };

async function openServer(): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-test-'));
  const lock = acquireDataLock(directory);
  const database = await openEmbeddedDatabase({ lock, onLog: () => undefined, settings: SETTINGS });
  const pid = Number.parseInt(readFileSync(join(dataPaths(directory).cluster, 'postmaster.pid'), 'utf8'), 10);
  // When a test brings the whole process down, nobody calls the teardown.
  const onExit = (): void => {
    process.kill(pid, 'SIGQUIT');
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', onExit);
  return {
    url: database.url,
    stop: async () => {
      process.off('exit', onExit);
      await database.stop();
      lock.release();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function migrateTemplate(url: string): Promise<void> {
  const dataSource = createDataSource({ url, poolSize: 4, entities: [], applicationName: 'claviger-test-template' });
  await dataSource.initialize();
  try {
    await migrate(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
