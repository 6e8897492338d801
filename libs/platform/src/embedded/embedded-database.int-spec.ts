import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client, Pool } from 'pg';

import { dataPaths, prepareDataDirectory } from './data-directory.js';
import { acquireDataLock, type DataLock } from './data-lock.js';
import { openEmbeddedDatabase, type EmbeddedDatabase } from './embedded-database.js';
import { readPostmasterFile } from './postmaster-file.js';

jest.setTimeout(60_000);

const QUICK = { fsync: 'off', shared_buffers: '16MB' };
const CANARY = 'canary-e1f7';
const root = mkdtempSync(join(tmpdir(), 'claviger-embedded-'));
const onLinux = process.platform === 'linux' ? it : it.skip;

/** Undone after each test, last first. */
const cleanups: (() => unknown)[] = [];
let fresh = 0;

const newPath = (): string => join(root, `data-${(fresh += 1)}`);

/** A data directory with a whole, stopped database that holds one row. */
function copyOfStopped(): string {
  const path = newPath();
  cpSync(join(root, 'stopped'), path, { recursive: true, verbatimSymlinks: true });
  return path;
}

function lock(path: string): DataLock {
  const held = acquireDataLock(prepareDataDirectory(path));
  cleanups.push(() => held.release());
  return held;
}

async function open(path: string, lines: string[] = []): Promise<EmbeddedDatabase> {
  const database = await openEmbeddedDatabase({ lock: lock(path), settings: QUICK, onLog: (line) => lines.push(line) });
  cleanups.push(() => database.stop());
  return database;
}

async function query(
  database: EmbeddedDatabase,
  sql: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** Another process that loads this folder's door as `embedded` and runs `script`; resolves with its first line. */
async function inAnotherProcess(script: string): Promise<{ child: ChildProcess; line: string }> {
  const hooks = pathToFileURL(join(process.cwd(), 'test/setup/typescript-hooks.mjs')).href;
  const door = pathToFileURL(join(process.cwd(), 'libs/platform/src/embedded/index.ts')).href;
  const source = `(await import('node:module')).register(${JSON.stringify(hooks)});
    const embedded = await import(${JSON.stringify(door)}); ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanups.push(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit').then(() => ['ended without a word']);
  const [line] = (await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), ended])) as [string];
  return { child, line: line.trim() };
}

const tree = (path: string): string[] => readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();

async function expectRefusal(path: string, code: string, message: RegExp): Promise<void> {
  const before = tree(path);
  await expect(open(path)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  expect(tree(path)).toEqual(before);
}

beforeAll(async () => {
  const database = await open(join(root, 'stopped'));
  await query(database, 'create table kept as select 42 as answer');
  await cleanUp();
});
afterEach(cleanUp);
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function cleanUp(): Promise<void> {
  for (const undo of cleanups.splice(0).reverse()) await undo();
}

describe('openEmbeddedDatabase', () => {
  it('creates a database in UTF-8 with checksums, and keeps the data when opened again', async () => {
    const path = newPath();
    const first = await open(path);
    expect(first).toMatchObject({ isNew: true, major: 18 });
    expect(
      await query(
        first,
        `select pg_encoding_to_char(encoding) as encoding, datcollate as collation,
      current_setting('data_checksums') as checksums from pg_database where datname = current_database()`,
      ),
    ).toEqual([{ encoding: 'UTF8', collation: 'C', checksums: 'on' }]);
    await query(first, 'create table kept as select 1 as one');
    await cleanUp();
    const second = await open(path);
    expect(second.isNew).toBe(false);
    expect(await query(second, 'select * from kept')).toEqual([{ one: 1 }]);
  });

  it('is durable unless told otherwise', async () => {
    const database = await openEmbeddedDatabase({ lock: lock(copyOfStopped()), onLog: () => undefined });
    cleanups.push(() => database.stop());
    const names = ['fsync', 'synchronous_commit', 'full_page_writes'];
    const rows = await query(database, 'select setting from pg_settings where name = any($1)', [names]);
    expect(rows).toEqual(names.map(() => ({ setting: 'on' })));
  });

  it('keeps password, log and data from other users, and listens on no network port', async () => {
    const path = copyOfStopped();
    const database = await open(path);
    const { cluster, password, log, run } = dataPaths(path);
    expect([password, log].map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
    expect([cluster, run].map((directory) => statSync(directory).mode & 0o777)).toEqual([0o700, 0o700]);
    expect(await query(database, 'show listen_addresses')).toEqual([{ listen_addresses: '' }]);
  });

  it('refuses a connection without the password', async () => {
    const database = await open(copyOfStopped());
    const url = new URL(database.url);
    url.password = 'wrong';
    await expect(query({ ...database, url: url.href }, 'select 1')).rejects.toThrow(/authentication failed/);
  });

  it('makes a new password when the old one is lost', async () => {
    const path = copyOfStopped();
    rmSync(dataPaths(path).password);
    expect(await query(await open(path), 'select * from kept')).toEqual([{ answer: 42 }]);
    await cleanUp();
    expect(await query(await open(path), 'select * from kept')).toEqual([{ answer: 42 }]);
  });

  it('works on a database that was put back with modes that PostgreSQL would refuse', async () => {
    const path = copyOfStopped();
    chmodSync(dataPaths(path).cluster, 0o755);
    expect(await query(await open(path), 'select * from kept')).toEqual([{ answer: 42 }]);
    expect(statSync(dataPaths(path).cluster).mode & 0o777).toBe(0o700);
  });

  it('works where the path of the data directory is too long for a socket', async () => {
    const path = join(root, 'x'.repeat(100), 'long');
    cpSync(join(root, 'stopped'), path, { recursive: true });
    const database = await open(path);
    expect(await query(database, 'select * from kept')).toEqual([{ answer: 42 }]);
    const socketDir = readPostmasterFile(dataPaths(path).cluster)?.socketDir ?? '';
    await database.stop();
    expect(statSync(socketDir, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('writes neither statements nor values to its log', async () => {
    const path = copyOfStopped();
    const database = await open(path);
    await query(database, 'create table one (name text primary key)');
    await query(database, 'insert into one values ($1)', [CANARY]);
    const failing = [
      ['insert into one values ($1)', [CANARY]],
      [`insert into one values ('${CANARY}')`, []],
      ['select $1::uuid', [CANARY]],
      ['select $1::json', [`{"a": ${CANARY}`]],
      [`select ${CANARY.replace('-', '_')} from`, []],
      [`do $$ begin raise warning '${CANARY}'; end $$; select 1/0`, []],
    ] as const;
    for (const [sql, values] of failing) await expect(query(database, sql, [...values])).rejects.toThrow();
    await database.stop();
    expect(readFileSync(database.logFile, 'utf8')).not.toContain('canary');
  });

  onLinux('passes nothing of its own environment on', async () => {
    process.env['CLAVIGER_CANARY'] = CANARY;
    cleanups.push(() => delete process.env['CLAVIGER_CANARY']);
    const path = copyOfStopped();
    await open(path);
    const environ = readFileSync(`/proc/${readPostmasterFile(dataPaths(path).cluster)?.pid}/environ`, 'utf8');
    expect(environ.split('\0').filter(Boolean).sort()).toEqual(['LC_ALL=C', expect.stringMatching(/^PATH=/), 'TZ=UTC']);
  });

  onLinux('starts the server in a session of its own, where Ctrl-C does not reach it', async () => {
    const path = copyOfStopped();
    await open(path);
    const pid = readPostmasterFile(dataPaths(path).cluster)?.pid;
    const [, , , session] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    expect(Number(session)).toBe(pid);
  });

  it('tells when the server ends without being asked', async () => {
    const path = copyOfStopped();
    const database = await open(path);
    process.kill(readPostmasterFile(dataPaths(path).cluster)!.pid, 'SIGINT');
    await database.exited;
    await expect(query(database, 'select 1')).rejects.toThrow();
  });

  it('is stopped without failing those who are just closing their connections', async () => {
    for (let round = 0; round < 5; round += 1) {
      const database = await open(copyOfStopped());
      const failures: unknown[] = [];
      const pool = new Pool({ connectionString: database.url, max: 10 });
      pool.on('error', (error) => failures.push(error));
      await Promise.all(Array.from({ length: 10 }, () => pool.query('select pg_sleep(0.01)')));
      await pool.end();
      await database.stop();
      expect(failures).toEqual([]);
      expect(readFileSync(database.logFile, 'utf8')).not.toContain('terminating connection');
    }
  });

  it('ends the sessions of those who stay', async () => {
    const database = await open(copyOfStopped());
    const client = new Client({ connectionString: database.url });
    // The refusal first, then the end of the connection.
    const failures: unknown[] = [];
    client.on('error', (error) => failures.push(error));
    await client.connect();
    await database.stop();
    expect(failures[0]).toMatchObject({ code: '57P01' });
  });

  it('stops as often as asked', async () => {
    const path = copyOfStopped();
    const database = await open(path);
    await Promise.all([database.stop(), database.stop()]);
    await database.stop();
    expect(readPostmasterFile(dataPaths(path).cluster)).toBeUndefined();
  });

  it('says where the log is when the server does not start', async () => {
    const path = copyOfStopped();
    const opening = openEmbeddedDatabase({
      lock: lock(path),
      settings: { shared_buffers: '1kB' },
      onLog: () => undefined,
    });
    await expect(opening).rejects.toMatchObject({
      code: 'DATABASE_NOT_STARTED',
      message: expect.stringContaining(dataPaths(path).log),
    });
  });
});

describe('a data directory that cannot be opened', () => {
  it('is refused when the cluster has no PG_VERSION', async () => {
    const path = copyOfStopped();
    rmSync(join(dataPaths(path).cluster, 'PG_VERSION'));
    await expectRefusal(path, 'DATABASE_DAMAGED', /is damaged.*backup/);
  });

  it('is refused when the cluster has no control file', async () => {
    const path = copyOfStopped();
    rmSync(join(dataPaths(path).cluster, 'global/pg_control'));
    await expectRefusal(path, 'DATABASE_DAMAGED', /is damaged.*backup/);
  });

  it('is refused when its cluster is gone', async () => {
    const path = copyOfStopped();
    writeFileSync(dataPaths(path).version, '{}');
    rmSync(dataPaths(path).cluster, { recursive: true });
    await expectRefusal(path, 'DATABASE_DAMAGED', /its database is gone/);
  });

  it('is refused when another major version of PostgreSQL wrote it', async () => {
    const path = copyOfStopped();
    writeFileSync(join(dataPaths(path).cluster, 'PG_VERSION'), '16\n');
    await expectRefusal(path, 'DATABASE_MAJOR_UNSUPPORTED', /PostgreSQL 16.*PostgreSQL 18.*pg_dump/);
  });

  it('is refused when it is a file, or below one', () => {
    const file = newPath();
    writeFileSync(file, '');
    const refusal = expect.objectContaining({ code: 'DATA_DIRECTORY_UNUSABLE' });
    expect(() => prepareDataDirectory(file)).toThrow(refusal);
    expect(() => prepareDataDirectory(join(file, 'below'))).toThrow(refusal);
    expect(() => prepareDataDirectory(file)).toThrow(/is not a directory.*CLAVIGER_DATA_DIR/);
  });

  it('is made anew when its creation was cut off half-way', async () => {
    const path = newPath();
    const leftover = join(path, 'postgres.new-abc123');
    mkdirSync(join(leftover, 'cluster'), { recursive: true });
    expect((await open(path)).isNew).toBe(true);
    expect(readdirSync(path)).not.toContain('postgres.new-abc123');
  });
});

describe('the lock of a data directory', () => {
  it('refuses a second holder, naming the first', () => {
    const path = newPath();
    lock(path);
    expect(() => lock(path)).toThrow(new RegExp(`already runs.*process ${process.pid}`));
  });

  it('is free again once released', () => {
    const path = newPath();
    lock(path).release();
    expect(() => lock(path)).not.toThrow();
  });

  it('is free again once its holder is killed', async () => {
    const path = prepareDataDirectory(newPath());
    const { child } = await inAnotherProcess(
      `globalThis.held = embedded.acquireDataLock(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000);`,
    );
    expect(() => lock(path)).toThrow(expect.objectContaining({ code: 'DATA_DIRECTORY_IN_USE' }));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(() => lock(path)).not.toThrow();
  });

  it('goes to exactly one of several that want it at once', async () => {
    const path = prepareDataDirectory(newPath());
    const script = `try { globalThis.held = embedded.acquireDataLock(${JSON.stringify(path)}); console.log('won'); }
      catch (error) { console.log(error.code); } setInterval(() => {}, 1000);`;
    const contenders = await Promise.all(Array.from({ length: 4 }, () => inAnotherProcess(script)));
    const lines = contenders.map(({ line }) => line).sort();
    expect(lines).toEqual([...Array<string>(3).fill('DATA_DIRECTORY_IN_USE'), 'won']);
  });
});

describe('a PostgreSQL left behind by a killed Claviger', () => {
  async function leaveOrphan(path: string): Promise<number> {
    const { child, line } = await inAnotherProcess(
      `const lock = embedded.acquireDataLock(${JSON.stringify(path)});
       await embedded.openEmbeddedDatabase({ lock, settings: ${JSON.stringify(QUICK)}, onLog() {} });
       console.log('open'); setInterval(() => {}, 1000);`,
    );
    expect(line).toBe('open');
    child.kill('SIGKILL');
    await once(child, 'exit');
    return readPostmasterFile(dataPaths(path).cluster)!.pid;
  }

  it('is stopped by the next start, which goes on with the data', async () => {
    const path = copyOfStopped();
    const orphan = await leaveOrphan(path);
    const lines: string[] = [];
    const database = await open(path, lines);
    expect(await query(database, 'select * from kept')).toEqual([{ answer: 42 }]);
    expect(lines).toEqual([expect.stringContaining(`process ${orphan}`)]);
    expect(readPostmasterFile(dataPaths(path).cluster)?.pid).not.toBe(orphan);
  });

  it('is not mistaken for another process that got its number', async () => {
    const path = copyOfStopped();
    const bystander = spawn('sleep', ['1000'], { stdio: 'ignore' });
    cleanups.push(() => bystander.kill('SIGKILL'));
    const file = `${bystander.pid}\n${dataPaths(path).cluster}\n1\n5432\n/nowhere\n\n0 0\nready\n`;
    writeFileSync(join(dataPaths(path).cluster, 'postmaster.pid'), file);
    const lines: string[] = [];
    expect(await query(await open(path, lines), 'select * from kept')).toEqual([{ answer: 42 }]);
    expect(lines).toEqual([]);
    expect([bystander.exitCode, bystander.signalCode]).toEqual([null, null]);
  });

  it('is not worked beside when it answers but cannot be seen', async () => {
    const path = copyOfStopped();
    const database = await open(path);
    const pidFile = join(dataPaths(path).cluster, 'postmaster.pid');
    const original = readFileSync(pidFile, 'utf8');
    writeFileSync(pidFile, original.replace(/^\d+/, '1'));
    const held = { dataDir: path, release: () => undefined };
    const second = openEmbeddedDatabase({ lock: held, settings: QUICK, onLog: () => undefined });
    await expect(second).rejects.toMatchObject({ code: 'DATABASE_STILL_RUNNING' });
    writeFileSync(pidFile, original);
    expect(await query(database, 'select * from kept')).toEqual([{ answer: 42 }]);
  });
});
