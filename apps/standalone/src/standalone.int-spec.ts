import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SecretValue } from '@claviger/kernel';
import { loadConfig, type Config } from '@claviger/platform/config';
import { Keyring, RootKey } from '@claviger/platform/crypto';
import { createDataSource, migrate, SCHEMA_NAMES } from '@claviger/platform/database';
import { readDataVersion, writeDataVersion } from '@claviger/platform/embedded';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'pg';

import { CleanupStack } from './cleanup-stack.js';
import type { RunContext } from './run.js';
import { startStandalone, type Started, type StandaloneParts } from './standalone.js';

jest.setTimeout(60_000);

const root = mkdtempSync(join(tmpdir(), 'claviger-standalone-'));
const product = { app: '1.2.3', schemas: SCHEMA_NAMES };

type Attempt = { run: RunContext; stop: AbortController; failures: unknown[]; log: string[]; configs: Config[] };

let attempts: Attempt[] = [];
let paths = 0;

const newPath = (): string => join(root, `data-${(paths += 1)}`);

/** A data directory of a stopped Claviger that has made its keys. */
function copyOfStopped(): string {
  const path = newPath();
  cpSync(join(root, 'stopped'), path, { recursive: true });
  return path;
}

function attempt(): Attempt {
  const stop = new AbortController();
  const failures: unknown[] = [];
  const run = { cleanup: new CleanupStack(), signal: stop.signal, fail: (error: unknown) => void failures.push(error) };
  const made = { run, stop, failures, log: [], configs: [] };
  attempts.push(made);
  return made;
}

/** Services that open the keys, as the real ones do, and log what happens to them. */
function parts({ log, configs }: Attempt, overrides: Partial<StandaloneParts> = {}): StandaloneParts {
  return {
    async migrate(url) {
      const dataSource = createDataSource({ url, poolSize: 2, entities: [], applicationName: 'test' });
      await dataSource.initialize();
      try {
        await migrate(dataSource);
      } finally {
        await dataSource.destroy();
      }
    },
    async startServices(config) {
      configs.push(config);
      await query(config, (client) =>
        Keyring.open(client, RootKey.fromText(new SecretValue(config.security.rootKey!))),
      );
      log.push('started');
      return { url: 'http://127.0.0.1:1', close: async () => void log.push('closed') };
    },
    ...overrides,
  };
}

/** Services that end as told. */
const closingBy = (close: () => Promise<void>): Partial<StandaloneParts> => ({
  startServices: async () => ({ url: 'http://127.0.0.1:1', close }),
});

type Overrides = { env?: Record<string, string>; parts?: Partial<StandaloneParts>; product?: typeof product };

function start(dataDir: string, overrides: Overrides = {}, current: Attempt = attempt()): Promise<Started> {
  return startStandalone(
    {
      config: loadConfig({ CLAVIGER_DATA_DIR: dataDir, CLAVIGER_PORT: '0', ...overrides.env }),
      product: overrides.product ?? product,
      parts: parts(current, overrides.parts),
      say: (line) => current.log.push(line),
    },
    current.run,
  );
}

async function query<T>(config: Config, ask: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: config.storage.databaseUrl });
  await client.connect();
  try {
    return await ask(client);
  } finally {
    await client.end();
  }
}

async function stopAll(): Promise<void> {
  for (const { run } of attempts) expect(await run.cleanup.run()).toEqual([]);
  attempts = [];
}

/** A port that another program listens on until the test ends. */
async function occupiedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  attempt().run.cleanup.push('other program', () => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  return (server.address() as AddressInfo).port;
}

const isRunning = (dataDir: string): boolean => existsSync(join(dataDir, 'postgres/postmaster.pid'));
const mode = (path: string): number => statSync(path).mode & 0o777;
const read = (...names: string[]): string => readFileSync(join(...names), 'utf8');

beforeAll(async () => {
  await start(join(root, 'stopped'));
  await stopAll();
});
afterEach(stopAll);
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('startStandalone', () => {
  it('makes everything on the first start, with modes that keep it from others', async () => {
    const dataDir = newPath();
    const current = attempt();
    const started = await start(dataDir, {}, current);
    expect(started).toEqual({ url: 'http://127.0.0.1:1', dataDir });
    expect(mode(dataDir)).toBe(0o700);
    expect(mode(join(dataDir, 'root-key'))).toBe(0o600);
    expect(readDataVersion(dataDir)).toEqual({ app: '1.2.3', schema: SCHEMA_NAMES.at(-1) });
    expect(current.log).toEqual(['Creating the database', 'started']);
    expect(current.configs[0]?.security.rootKey).toBe(read(dataDir, 'root-key').trim());
  });

  it('keeps key and data on the second start, and backs nothing up', async () => {
    const dataDir = copyOfStopped();
    const key = read(dataDir, 'root-key');
    const current = attempt();
    await start(dataDir, {}, current);
    expect(read(dataDir, 'root-key')).toBe(key);
    expect(current.log).toEqual(['started']);
    expect(existsSync(join(dataDir, 'backups'))).toBe(false);
    const stores = await query(current.configs[0]!, (client) => client.query('select name from store'));
    expect(stores.rows).toEqual([{ name: 'root' }]);
  });

  it('closes the services before it stops PostgreSQL, then gives the directory back', async () => {
    const dataDir = copyOfStopped();
    const current = attempt();
    const wasRunning: boolean[] = [];
    await start(dataDir, { parts: closingBy(async () => void wasRunning.push(isRunning(dataDir))) }, current);
    await current.run.cleanup.run();
    expect(wasRunning).toEqual([true]);
    expect(isRunning(dataDir)).toBe(false);
    await start(dataDir);
  });

  it('stops PostgreSQL although the services do not close', async () => {
    const dataDir = copyOfStopped();
    const current = attempt();
    await start(dataDir, { parts: closingBy(() => Promise.reject(new Error('stuck'))) }, current);
    expect(await current.run.cleanup.run()).toEqual(['requests and jobs']);
    expect(isRunning(dataDir)).toBe(false);
  });

  it('ends the run when PostgreSQL ends unasked', async () => {
    const dataDir = copyOfStopped();
    const failed = new Promise((resolve) => {
      const current = attempt();
      Object.assign(current.run, { fail: resolve });
      void start(dataDir, {}, current).then(() =>
        process.kill(Number(read(dataDir, 'postgres/postmaster.pid').split('\n')[0]), 'SIGINT'),
      );
    });
    expect(await failed).toMatchObject({ code: 'DATABASE_ENDED', message: expect.stringContaining('postgres.log') });
  });

  it('leaves nothing running when the services do not start', async () => {
    const dataDir = copyOfStopped();
    const current = attempt();
    const startServices = (): Promise<never> => Promise.reject(new Error('no'));
    await expect(start(dataDir, { parts: { startServices } }, current)).rejects.toThrow('no');
    await current.run.cleanup.run();
    expect(isRunning(dataDir)).toBe(false);
  });

  it('starts no services once it is asked to stop', async () => {
    const dataDir = copyOfStopped();
    const current = attempt();
    current.stop.abort();
    await expect(start(dataDir, {}, current)).rejects.toThrow();
    await current.run.cleanup.run();
    expect(current.configs).toEqual([]);
    expect(isRunning(dataDir)).toBe(false);
  });

  it('uses a PostgreSQL that it is given and runs none of its own', async () => {
    const lender = attempt();
    await start(copyOfStopped(), {}, lender);
    await query(lender.configs[0]!, (client) => client.query('create database lent'));
    const url = new URL(lender.configs[0]!.storage.databaseUrl!);
    url.pathname = '/lent';
    const dataDir = newPath();
    await start(dataDir, { env: { CLAVIGER_DATABASE_URL: url.href } });
    expect(readdirSync(dataDir).sort()).toEqual(['claviger.lock', 'root-key']);
  });
});

describe('a start that is refused', () => {
  const listing = (path: string): unknown[] =>
    readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => !/postgres(\/|\.log)|^run/.test(name))
      .sort()
      .map((name) => [name, statSync(join(path, name)).isFile() ? read(path, name) : '']);

  async function expectRefusal(
    dataDir: string,
    code: string,
    message: RegExp,
    overrides: Overrides = {},
  ): Promise<void> {
    const before = listing(dataDir);
    const current = attempt();
    await expect(start(dataDir, overrides, current)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    await current.run.cleanup.run();
    expect(current.configs).toEqual([]);
    expect(listing(dataDir)).toEqual(before);
    expect(isRunning(dataDir)).toBe(false);
  }

  it('says that the port is in use, and has made nothing', async () => {
    const port = await occupiedPort();
    const dataDir = newPath();
    const env = { CLAVIGER_PORT: String(port) };
    await expect(start(dataDir, { env })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringMatching(new RegExp(`Port ${port} .*in use.*CLAVIGER_PORT`)),
    });
    expect(existsSync(dataDir)).toBe(false);
    await expectRefusal(copyOfStopped(), 'PORT_IN_USE', /in use/, { env });
  });

  it('says that the address is not of this machine', async () => {
    await expect(start(newPath(), { env: { CLAVIGER_HOST: '192.0.2.1' } })).rejects.toMatchObject({
      code: 'PORT_UNUSABLE',
      message: expect.stringMatching(/192\.0\.2\.1.*CLAVIGER_HOST/),
    });
  });

  it('says that the PostgreSQL that it is given does not answer, and nothing of its password', async () => {
    const env = { CLAVIGER_DATABASE_URL: 'postgres://someone:canary-77@127.0.0.1:1/claviger' };
    await expect(start(newPath(), { env })).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringMatching(/^(?!.*canary).*ECONNREFUSED.*CLAVIGER_DATABASE_URL/),
    });
  });

  it('says which process works on the data directory, rather than that the port is in use', async () => {
    const dataDir = copyOfStopped();
    await start(dataDir);
    const env = { CLAVIGER_PORT: String(await occupiedPort()) };
    await expect(start(dataDir, { env })).rejects.toMatchObject({
      code: 'DATA_DIRECTORY_IN_USE',
      message: expect.stringContaining(`process ${process.pid}`),
    });
  });

  it('says that the root key is missing', async () => {
    const dataDir = copyOfStopped();
    rmSync(join(dataDir, 'root-key'));
    await expectRefusal(dataDir, 'ROOT_KEY_MISSING', /root-key is missing.*backup/);
  });

  it('says that the root key is another one, also when the data would have to be upgraded', async () => {
    const dataDir = copyOfStopped();
    writeFileSync(join(dataDir, 'root-key'), Buffer.alloc(32, 1).toString('base64'));
    await expectRefusal(dataDir, 'ROOT_KEY_WRONG', /root key/);
    writeDataVersion(dataDir, { app: '1.0.0', schema: SCHEMA_NAMES[0]! });
    await expectRefusal(dataDir, 'ROOT_KEY_WRONG', /root key/);
  });

  it('says that the root key is no key', async () => {
    const dataDir = copyOfStopped();
    writeFileSync(join(dataDir, 'root-key'), 'canary-77');
    await expectRefusal(dataDir, 'ROOT_KEY_INVALID', /^(?!.*canary).*32 bytes/);
  });

  it('says that the data was written by a newer Claviger', async () => {
    const dataDir = copyOfStopped();
    writeDataVersion(dataDir, { app: '9.0.0', schema: 'Unknown9999999999999' });
    await expectRefusal(dataDir, 'DATA_TOO_NEW', /9\.0\.0.*1\.2\.3/);
  });
});

describe('an upgrade', () => {
  it('backs the data up under the old version, then goes on', async () => {
    const dataDir = copyOfStopped();
    writeDataVersion(dataDir, { app: '1.0.0', schema: SCHEMA_NAMES[0]! });
    const current = attempt();
    await start(dataDir, {}, current);
    const [backup] = readdirSync(join(dataDir, 'backups'));
    expect(backup).toMatch(/^\d{8}T\d{9}Z-1\.0\.0$/);
    expect(current.log).toEqual([expect.stringMatching(/^Backing up/), expect.stringContaining(backup!), 'started']);
    expect(readDataVersion(dataDir)).toEqual({ app: '1.2.3', schema: SCHEMA_NAMES.at(-1) });
  });

  it('leaves a backup that the old version starts from when put back', async () => {
    const dataDir = copyOfStopped();
    writeDataVersion(dataDir, { app: '1.0.0', schema: SCHEMA_NAMES[0]! });
    const upgraded = attempt();
    await start(dataDir, {}, upgraded);
    await query(upgraded.configs[0]!, (client) => client.query('drop table store cascade'));
    await stopAll();
    const [backup] = readdirSync(join(dataDir, 'backups'));
    rmSync(join(dataDir, 'postgres'), { recursive: true });
    cpSync(join(dataDir, 'backups', backup!), dataDir, { recursive: true });
    expect(readDataVersion(dataDir)).toEqual({ app: '1.0.0', schema: SCHEMA_NAMES[0] });
    const restored = attempt();
    await start(dataDir, {}, restored);
    const stores = await query(restored.configs[0]!, (client) => client.query('select name from store'));
    expect(stores.rows).toEqual([{ name: 'root' }]);
  });

  it('needs no backup when only the version of the program changed', async () => {
    const dataDir = copyOfStopped();
    await start(dataDir, { product: { ...product, app: '1.2.4' } });
    expect(existsSync(join(dataDir, 'backups'))).toBe(false);
    expect(readDataVersion(dataDir)).toMatchObject({ app: '1.2.4' });
  });
});
