import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RootKey } from '@claviger/platform/crypto';
import {
  ApiClient,
  eventually,
  findPostgresTools,
  startPostgres,
  type JsonBody,
  type PostgresPeer,
} from '@claviger/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'pg';
import { ProgramYard, type StartedProgram } from './started-program.js';

jest.setTimeout(180_000);

const yard = new ProgramYard();
afterEach(() => yard.stopAll());
afterAll(() => yard.remove());

const CONTENT = { value: 'canary-content-77ab' };
type Env = Readonly<Record<string, string>>;

async function start(dataDir: string, env: Env = {}): Promise<{ program: StartedProgram; api: ApiClient }> {
  const program = yard.start(dataDir, { env });
  const url = await program.ready();
  return { program, api: new ApiClient(url, program.rootToken) };
}

async function must(answer: Promise<{ status: number; body: JsonBody; text: string }>): Promise<JsonBody> {
  const { status, body, text } = await answer;
  if (status >= 300) throw new Error(text);
  return body;
}

/** A secret with a copy in another mount. */
async function fill(api: ApiClient): Promise<string> {
  await must(api.post('/vault-instances', { name: 'inside', kind: 'builtin' }));
  for (const mount of ['source', 'copies'])
    await must(api.post('/vault-profiles', { name: mount, instance: 'inside', mount }));
  const body = { name: 'one', type: 'key-value', content: CONTENT, sourceProfile: 'source', syncProfiles: ['copies'] };
  const { secret } = await must(api.post('/secrets', body));
  await inSync(api, secret.id as string);
  return secret.id as string;
}

const target = async (api: ApiClient, id: string): Promise<JsonBody> =>
  (await must(api.get(`/secrets/${id}/targets`))).items[0];
const inSync = (api: ApiClient, id: string): Promise<void> =>
  eventually(async () => expect(await target(api, id)).toMatchObject({ status: 'in_sync' }));
const content = async (api: ApiClient, id: string): Promise<JsonBody> =>
  (await must(api.get(`/secrets/${id}/content`))).content;

async function run(dataDir: string, argv: readonly string[], env: Env = {}): Promise<{ code: number; said: string }> {
  const program = yard.start(dataDir, { command: [process.execPath, 'tools/start/command.mjs', ...argv], env });
  const code = (await program.exit()) as number;
  const said = program.stdout + program.stderr;
  for (const name of existsSync(dataDir) ? readdirSync(dataDir).filter((one) => one.startsWith('root-')) : [])
    expect(said).not.toContain(readFileSync(join(dataDir, name), 'utf8').trim());
  return { code, said };
}

describe('keys of an embedded database', () => {
  let dataDir: string;
  let id: string;
  beforeAll(async () => {
    dataDir = yard.newDataDir();
    const { program, api } = await start(dataDir);
    id = await fill(api);
    await program.end('SIGTERM');
  });

  it('are replaced by commands, and data and copies are as before', async () => {
    expect(await run(dataDir, ['keys', 'rotate', 'root'])).toMatchObject({ code: 0 });
    const { said } = await run(dataDir, ['keys', 'status']);
    expect(said).toMatch(/^root +[0-9a-f]{16} +in force\nkek .*\ndata .*in force/);
    const { program, api } = await start(dataDir);
    expect(await content(api, id)).toEqual(CONTENT);
    await inSync(api, id);
    await program.end('SIGTERM');
    expect(await run(dataDir, ['audit', 'verify'])).toMatchObject({ code: 0, said: expect.stringMatching(/^INTACT/) });
  });

  it('are replaced by the running program too, which goes on after kill -9', async () => {
    const { program, api } = await start(dataDir);
    const { id: rotation } = await must(api.post('/keys/rotations', { key: 'data' }));
    await program.end('SIGKILL');
    const again = await start(dataDir);
    expect(await content(again.api, id)).toEqual(CONTENT);
    await eventually(
      async () =>
        expect(await must(again.api.get(`/keys/rotations/${rotation}`))).toMatchObject({
          state: 'settling',
          failed: 0,
        }),
      60_000,
    );
    expect(await content(again.api, id)).toEqual(CONTENT);
  });

  it('are backed up and restored by the documented commands, the root key apart', async () => {
    const [kept, archive] = [yard.newDataDir(), join(yard.root, 'claviger.tar.gz')];
    mkdirSync(kept);
    copyFileSync(join(dataDir, 'root-key'), join(kept, 'root-key'));
    execFileSync('tar', ['-C', dataDir, '-czf', archive, 'postgres', 'postgres-password', 'version']);
    const restored = yard.newDataDir();
    mkdirSync(restored);
    execFileSync('tar', ['-C', restored, '-xzf', archive]);
    const without = yard.start(restored);
    expect(await without.exit()).toBe(1);
    expect(without.stderr).toMatch(/root-key is missing.*put back your backup/);
    copyFileSync(join(kept, 'root-key'), join(restored, 'root-key'));
    // Tokens are in the data: that of the old file is valid.
    copyFileSync(join(dataDir, 'root-token'), join(restored, 'root-token'));
    const { api } = await start(restored);
    expect(await content(api, id)).toEqual(CONTENT);
  });
});

const describeWithTools = findPostgresTools() ? describe : describe.skip;

describeWithTools('a PostgreSQL of its own (needs pg_dump)', () => {
  let source: PostgresPeer;
  let server: Client;
  const name = `restored_${process.pid}`;
  const [oldKey, newKey] = [RootKey.generateText().reveal(), RootKey.generateText().reveal()];

  beforeAll(async () => {
    source = await startPostgres();
    server = new Client({ connectionString: process.env['CLAVIGER_TEST_DATABASE_URL'] });
    await server.connect();
    await server.query(`create database ${name}`);
  });
  afterAll(async () => {
    await server.query(`drop database if exists ${name} with (force)`);
    await server.end();
    await source.stop();
  });

  it('is dumped while Claviger runs, and pauses replication where it is restored until somebody accepts', async () => {
    const dataDir = yard.newDataDir();
    const on = (url: string, rootKey: string, more: Env = {}): Env => ({
      CLAVIGER_DATABASE_URL: url,
      CLAVIGER_ROOT_KEY: rootKey,
      ...more,
    });
    const { program, api } = await start(dataDir, on(source.url, oldKey));
    const id = await fill(api);
    const dump = join(yard.root, 'claviger.dump');
    execFileSync(source.program('pg_dump'), ['--format=custom', `--file=${dump}`, source.url]);
    await must(api.put(`/secrets/${id}/content`, { content: { value: 'after the backup' } }, { ifMatch: '*' }));
    await program.end('SIGTERM');

    const address = new URL(process.env['CLAVIGER_TEST_DATABASE_URL']!);
    address.pathname = `/${name}`;
    const url = address.href;
    execFileSync(source.program('pg_restore'), ['--no-owner', '--exit-on-error', `--dbname=${url}`, dump]);
    const restored = await start(dataDir, on(url, oldKey));
    expect(await content(restored.api, id)).toEqual(CONTENT);
    expect(await must(restored.api.get('/replication/summary'))).toMatchObject({ isPaused: true });
    expect(await target(restored.api, id)).toMatchObject({ status: 'paused', error: { code: 'DATABASE_RESTORED' } });
    await must(restored.api.post('/replication/accept-restored-database'));
    await must(
      restored.api.put(`/secrets/${id}/content`, { content: { value: 'after the restore' } }, { ifMatch: '*' }),
    );
    await inSync(restored.api, id);

    // The root key is replaced while it runs: once the program has both.
    const rotate = ['keys', 'rotate', 'root'];
    const both = { CLAVIGER_ROOT_KEY_PREVIOUS: oldKey };
    expect(await run(dataDir, rotate, on(url, newKey, both))).toMatchObject({
      code: 1,
      said: expect.stringMatching(/do not have the new root key: standalone /),
    });
    await restored.program.end('SIGTERM');
    const running = await start(dataDir, on(url, newKey, both));
    // The program tells that it has the new one with its next sign of life.
    await eventually(async () => {
      const { code, said } = await run(dataDir, rotate, on(url, newKey, both));
      expect({ code, said: code === 0 ? '' : said }).toEqual({ code: 0, said: '' });
    });
    expect(await content(running.api, id)).toEqual({ value: 'after the restore' });
    await running.program.end('SIGTERM');
    expect(await run(dataDir, ['keys', 'status'], on(url, oldKey))).toMatchObject({
      code: 1,
      said: expect.stringMatching(/not the one/),
    });
    expect(await run(dataDir, ['keys', 'status'], on(url, newKey))).toMatchObject({ code: 0 });
  });
});
