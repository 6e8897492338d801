import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '@claviger/kernel';
import { createDataSource, migrate } from '@claviger/platform/database';
import { acquireDataLock, dataPaths, openEmbeddedDatabase } from '@claviger/platform/embedded';
import { Client } from 'pg';

type Server = { readonly url: string; stop(): Promise<void> };

let server: Server | undefined;
let template: string | undefined;

/**
 * Starts one PostgreSQL for the whole run, or takes the one at CLAVIGER_TEST_DATABASE_URL, and migrates the template
 * that test databases are cloned from. Workers learn both through the environment, as they are started after it.
 */
export async function startTestServer(): Promise<void> {
  const given = process.env['CLAVIGER_TEST_DATABASE_URL'];
  server = given ? { url: given, stop: async () => undefined } : await openServer();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stopTestServer().finally(() => process.exit(1)));
  template = `claviger_template_${newId().replaceAll('-', '')}`;
  await administer(server.url, `create database ${template}`);
  await migrateTemplate(databaseUrl(server.url, template));
  process.env['CLAVIGER_TEST_DATABASE_URL'] = server.url;
  process.env['CLAVIGER_TEST_TEMPLATE'] = template;
}

/** Drops the template and stops the server, where this run started it. */
export async function stopTestServer(): Promise<void> {
  if (server && template) await administer(server.url, `drop database if exists ${template}`);
  await server?.stop();
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
