import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';

const NEEDED = ['initdb', 'postgres', 'pg_dump', 'pg_restore'];
/** Where Debian puts the programs of each major version, which are not in PATH. */
const DEBIAN = '/usr/lib/postgresql';
const NOBODY = 65534;
const START_WITHIN_MS = 30_000;

/** A PostgreSQL cluster of a test file's own, on 127.0.0.1, with the programs of its version. */
export type PostgresPeer = {
  /** Of an empty database whose role owns it. */
  readonly url: string;
  /** Path of one of its programs. */
  program(name: 'pg_dump' | 'pg_restore'): string;
  stop(): Promise<void>;
};

/**
 * The folder with a whole PostgreSQL, server and tools: CLAVIGER_TEST_POSTGRES_BIN, or the first in PATH, or where Debian
 * puts it; undefined where there is none.
 */
export function findPostgresTools(): string | undefined {
  const given = process.env['CLAVIGER_TEST_POSTGRES_BIN'];
  if (given) return given;
  const majors = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...majors.map((one) => join(DEBIAN, one, 'bin'))];
  return folders.find((folder) => NEEDED.every((name) => existsSync(join(folder, name))));
}

/** Makes a cluster and starts it; as nobody where the tests run as root, whom PostgreSQL refuses. */
export async function startPostgres(): Promise<PostgresPeer> {
  const folder = findPostgresTools();
  if (!folder) throw new Error('There is no PostgreSQL with its tools: install it, or set CLAVIGER_TEST_POSTGRES_BIN.');
  const directory = mkdtempSync(join(tmpdir(), 'claviger-postgres-'));
  const as = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (as.uid) chownSync(directory, NOBODY, NOBODY);
  const data = join(directory, 'data');
  const port = await freePort();
  const init = ['-D', data, '-U', 'claviger', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync'];
  execFileSync(join(folder, 'initdb'), init, { ...as, cwd: directory, stdio: 'ignore' });
  const args = ['-D', data, '-p', String(port), '-k', directory, '-h', '127.0.0.1', '-c', 'fsync=off'];
  const child = spawn(join(folder, 'postgres'), args, { ...as, cwd: directory, stdio: 'ignore' });
  const killWithUs = (): boolean => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    process.off('exit', killWithUs);
    child.kill('SIGINT');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  const url = `postgres://claviger@127.0.0.1:${port}/postgres`;
  await becomesReady(url).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { url, program: (name) => join(folder, name), stop };
}

async function becomesReady(url: string): Promise<void> {
  for (const deadline = Date.now() + START_WITHIN_MS; ; await sleep(50)) {
    const client = new Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
