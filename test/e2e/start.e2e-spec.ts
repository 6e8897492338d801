import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, readFileSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, afterEach, describe, expect, it, jest } from '@jest/globals';

import { ApiClient, eventually } from '@claviger/testing';
import { findPostgres, ProgramYard, repository, type StartedProgram } from './started-program.js';

jest.setTimeout(120_000);

const NOBODY = 65534;
const yard = new ProgramYard();
const isRoot = process.getuid?.() === 0;
const asRootHere = isRoot ? describe : describe.skip;

afterEach(() => yard.stopAll());
afterAll(() => yard.remove());

async function whoami(program: StartedProgram, token?: string): Promise<number> {
  const url = await program.ready();
  const headers = { authorization: `Bearer ${token ?? program.rootToken}` };
  const response = await fetch(`${url}/api/v1/whoami`, { headers });
  await response.body?.cancel();
  return response.status;
}

function expectStopped(program: StartedProgram): void {
  expect(program.postgresPid).toBeUndefined();
  expect(readFileSync(join(program.dataDir, 'postgres.log'), 'utf8').trim()).toMatch(/database system is shut down$/);
}

describe('the first start', () => {
  it('says where it is, where the token lies and what to try, and never the token', async () => {
    const program = yard.start(yard.newDataDir());
    const url = await program.ready();
    expect(statSync(join(program.dataDir, 'root-token')).mode & 0o777).toBe(0o600);
    expect(program.stdout).toContain(join(program.dataDir, 'root-token'));
    expect(program.rootToken.length).toBeGreaterThan(20);
    expect(program.stdout + program.stderr).not.toContain(program.rootToken);
    expect(await whoami(program)).toBe(200);
    expect(await whoami(program, 'wrong')).not.toBe(200);
    const [, shown] = /try\s+(curl .*)/.exec(program.stdout) ?? [];
    const { stdout, status } = spawnSync('sh', ['-c', `${shown} --silent --fail`], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toContain('root');
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it('keeps standard output for people, and logs to a file of its owner', async () => {
    const program = yard.start(yard.newDataDir());
    const url = await program.ready();
    const log = join(program.dataDir, 'claviger.log');
    expect(program.stdout).toContain(log);
    expect(statSync(log).mode & 0o777).toBe(0o600);
    await program.end('SIGTERM');
    expect(program.stdout + program.stderr).not.toMatch(/^\{/m);
    await yard.start(program.dataDir).ready();
    const events = readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    const listening = events.filter((line) => 'event' in line && line.event === 'http.listening');
    expect(listening).toEqual([expect.objectContaining({ address: url }), expect.anything()]);
  });
});

describe('a later start', () => {
  it('keeps the data, the key and the token', async () => {
    const first = yard.start(yard.newDataDir());
    await first.ready();
    const token = first.rootToken;
    const key = readFileSync(join(first.dataDir, 'root-key'), 'utf8');
    expect(await first.end('SIGTERM')).toBe(0);
    const second = yard.start(first.dataDir);
    expect(await whoami(second, token)).toBe(200);
    expect(second.rootToken).toBe(token);
    expect(readFileSync(join(first.dataDir, 'root-key'), 'utf8')).toBe(key);
  });

  it('stops the PostgreSQL of a killed Claviger and goes on', async () => {
    const killed = yard.start(yard.newDataDir());
    await killed.ready();
    const orphan = findPostgres(killed.dataDir);
    expect(await killed.end('SIGKILL')).toBe('SIGKILL');
    expect(() => process.kill(orphan!, 0)).not.toThrow();
    const next = yard.start(killed.dataDir);
    expect(await whoami(next)).toBe(200);
    expect(next.stdout).toContain(`process ${orphan}`);
    expect(findPostgres(next.dataDir)).not.toBe(orphan);
  });

  it('starts after a kill at the very beginning of the first start', async () => {
    const dataDir = yard.newDataDir();
    for (const limitMs of [50, 200, 400, 600]) {
      const killed = yard.start(dataDir);
      await Promise.race([killed.exit(), sleep(limitMs)]);
      await killed.end('SIGKILL');
    }
    expect(await whoami(yard.start(dataDir))).toBe(200);
  });
});

describe('a stop', () => {
  /** Started and stopped by most of these. */
  const dataDir = yard.newDataDir();

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'by %s stops PostgreSQL cleanly and ends with 0',
    async (signal) => {
      const program = yard.start(dataDir);
      await program.ready();
      expect(await program.end(signal)).toBe(0);
      expectStopped(program);
    },
  );

  it('asked for again and again is still a clean one', async () => {
    const program = yard.start(dataDir);
    await program.ready();
    expect(await program.end('SIGTERM', 'SIGINT', 'SIGTERM', 'SIGTERM')).toBe(0);
    expectStopped(program);
  });

  it('in the middle of work fails nothing that is open, time and again', async () => {
    const worked = yard.newDataDir();
    for (let round = 0; round < 4; round += 1) {
      const program = yard.start(worked);
      const api = new ApiClient(await program.ready(), program.rootToken);
      if (round === 0) {
        await api.post('/vault-instances', { name: 'inside', kind: 'builtin' });
        for (const name of ['source', 'copy'])
          await api.post('/vault-profiles', { name, instance: 'inside', mount: name });
      }
      let writes = 0;
      const refusals = new Set<string>();
      const isOver = new AbortController();
      const write = async (writer: number): Promise<void> => {
        for (let i = 0; !isOver.signal.aborted; i += 1) {
          const name = `secret-${round}-${writer}-${i}`;
          const body = {
            name,
            type: 'key-value',
            content: { a: 'b' },
            sourceProfile: 'source',
            syncProfiles: ['copy'],
          };
          const answer = await api.post('/secrets', body);
          if (answer.status === 201) writes += 1;
          else refusals.add(answer.body.code as string);
        }
      };
      // A writer ends when the program does not answer any more.
      const writers = Array.from({ length: 6 }, (_, writer) => write(writer).catch(() => undefined));
      await eventually(() => expect(writes).toBeGreaterThan(20 * (round + 1)));
      expect(await program.end('SIGTERM')).toBe(0);
      isOver.abort();
      await Promise.all(writers);
      expectStopped(program);
      expect([...refusals].filter((code) => code !== 'SHUTTING_DOWN')).toEqual([]);
      expect(readFileSync(join(worked, 'postgres.log'), 'utf8')).not.toContain('terminating connection');
      const lines = readFileSync(join(worked, 'claviger.log'), 'utf8').trim().split('\n');
      expect(lines.filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([]);
    }
  });

  it('asked for while it still starts ends with 0 and leaves nothing running', async () => {
    const program = yard.start(yard.newDataDir());
    await program.says(/Creating the database/);
    expect(await program.end('SIGTERM')).toBe(0);
    expect(program.postgresPid).toBeUndefined();
  });

  it('waits for no connection that nobody asks anything on', async () => {
    const program = yard.start(dataDir);
    const { hostname, port } = new URL(await program.ready());
    const silent = connect(Number(port), hostname);
    await once(silent, 'connect');
    const used = connect(Number(port), hostname);
    used.write(`GET /livez HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
    await once(used, 'data');
    expect(await program.end('SIGTERM')).toBe(0);
    for (const socket of [silent, used]) socket.destroy();
    expectStopped(program);
  });

  it.each(['close', 'keep-alive'])('answers the request that is under way (connection: %s)', async (connection) => {
    const program = yard.start(dataDir);
    const { hostname, port } = new URL(await program.ready());
    const body = JSON.stringify({ displayName: 'late' });
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const head = [
      'POST /api/v1/tokens HTTP/1.1',
      `Host: ${hostname}`,
      `Authorization: Bearer ${program.rootToken}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      `Connection: ${connection}`,
    ];
    await new Promise<void>((resolve) =>
      socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, 5)}`, () => resolve()),
    );
    // The program has read what was written before this answer, because one thread serves both connections.
    expect(await whoami(program)).toBe(200);
    const ended = program.end('SIGTERM');
    await program.says(/Stopping/);
    socket.write(body.slice(5));
    await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 201 /);
    expect(await ended).toBe(0);
    expectStopped(program);
  });
});

describe('npm start', () => {
  const command = ['npm', 'start'] as const;

  it('ends cleanly when npm itself is asked to, once or again and again', async () => {
    const dataDir = yard.newDataDir();
    for (const signals of [['SIGTERM'], ['SIGINT'], ['SIGTERM', 'SIGTERM', 'SIGTERM']] as const) {
      const program = yard.start(dataDir, { command });
      await program.ready();
      await program.end(...signals);
      expectStopped(program);
    }
  });

  it('lists every environment variable', () => {
    const { stdout, status } = spawnSync('npm', ['--silent', 'start', '--', '--help'], {
      cwd: repository,
      encoding: 'utf8',
    });
    expect(status).toBe(0);
    for (const name of ['CLAVIGER_HOST', 'CLAVIGER_PORT', 'CLAVIGER_DATA_DIR']) expect(stdout).toContain(name);
  });

  it('refuses an option that it does not know', () => {
    const result = spawnSync(process.execPath, ['tools/start/start.mjs', '--verbos'], {
      cwd: repository,
      encoding: 'utf8',
    });
    expect(result).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/^.*--verbos.*--help.*\n$/) });
  });

  it('says which Node it needs to one that is too old', () => {
    const script = `Object.defineProperty(process.versions, 'node', { value: '18.20.4' }); import('./tools/start/start.mjs');`;
    const result = spawnSync(process.execPath, ['--eval', script], { cwd: repository, encoding: 'utf8' });
    expect(result).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/^.*20\.19.*18\.20\.4.*\n$/) });
  });
});

asRootHere('as an ordinary user (from root)', () => {
  const forEveryone = (dataDir: string): string => {
    chmodSync(yard.root, 0o755);
    chownSync(dirname(dataDir), NOBODY, NOBODY);
    return dataDir;
  };

  it('starts and stops', async () => {
    const program = yard.start(forEveryone(yard.newDataDir()), { uid: NOBODY });
    expect(await whoami(program)).toBe(200);
    expect(statSync(join(program.dataDir, 'postgres')).uid).toBe(NOBODY);
    expect(await program.end('SIGTERM')).toBe(0);
    expectStopped(program);
  });

  it('can be followed by a start as root', async () => {
    const program = yard.start(forEveryone(yard.newDataDir()), { uid: NOBODY });
    await program.ready();
    expect(await program.end('SIGTERM')).toBe(0);
    expect(await whoami(yard.start(program.dataDir))).toBe(200);
  });

  it('is told when the data directory is not its own', async () => {
    const program = yard.start(yard.newDataDir(), { uid: NOBODY });
    expect(await program.exit()).toBe(1);
    expect(program.stderr).toMatch(
      /^The data directory .* may not be read and written by this user.*CLAVIGER_DATA_DIR.*\n$/,
    );
  });
});

asRootHere('as root', () => {
  it('starts where no other user can reach the data', async () => {
    const dataDir = yard.newDataDir();
    chmodSync(dirname(dataDir), 0o700);
    const program = yard.start(dataDir);
    expect(await whoami(program)).toBe(200);
    expect(await program.end('SIGTERM')).toBe(0);
    expectStopped(program);
  });
});
