import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SCHEMA_NAMES } from '@claviger/platform/database';
import { ApiClient, eventually, type JsonBody } from '@claviger/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'pg';
import { ProgramYard, repository, type StartedProgram } from './started-program.js';

jest.setTimeout(120_000);

const CONTENT = 'canary-content-5d1b';
const yard = new ProgramYard();
afterEach(() => yard.stopAll());
afterAll(() => yard.remove());

type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs a command as npm does, on a data directory. */
async function run(dataDir: string, argv: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const command = [process.execPath, 'tools/start/command.mjs', ...argv] as const;
  const program = yard.start(dataDir, { command, env });
  const code = (await program.exit()) as number;
  const { stdout, stderr } = program;
  const secrets = [CONTENT, ...['root-key', 'root-token', 'postgres-password'].map((name) => textOf(dataDir, name))];
  for (const secret of secrets) if (secret !== '') expect(stdout + stderr).not.toContain(secret);
  expect(stdout + stderr).not.toMatch(/^\s+at |node_modules|defect/m);
  return { code, stdout, stderr };
}

/** Says why in one sentence on standard error, and nothing else. */
const refusal = (why: RegExp): object => ({
  code: 1,
  stdout: '',
  stderr: expect.stringMatching(new RegExp(`^[^\\n]*(?:${why.source})[^\\n]*\\.\\n$`)),
});

const textOf = (dataDir: string, name: string): string =>
  existsSync(join(dataDir, name)) ? readFileSync(join(dataDir, name), 'utf8').trim() : '';

async function start(dataDir: string): Promise<{ program: StartedProgram; api: ApiClient }> {
  const program = yard.start(dataDir);
  const url = await program.ready();
  return { program, api: new ApiClient(url, program.rootToken) };
}

let original: Promise<{ dataDir: string; id: string }> | undefined;

/** A data directory with one secret of one version and at least two seals, stopped; a copy of one that is made once. */
async function filled(): Promise<{ dataDir: string; id: string }> {
  const { dataDir: made, id } = await (original ??= fill());
  const dataDir = yard.newDataDir();
  // With its owners: PostgreSQL serves no data of somebody else's.
  execFileSync('cp', ['-a', made, dataDir]);
  return { dataDir, id };
}

async function fill(): Promise<{ dataDir: string; id: string }> {
  const dataDir = yard.newDataDir();
  const { program, api } = await start(dataDir);
  await api.post('/vault-instances', { name: 'inside', kind: 'builtin' });
  await api.post('/vault-profiles', { name: 'source', instance: 'inside', mount: 'source' });
  const content = { value: CONTENT };
  const { body } = await api.post('/secrets', { name: 'one', type: 'key-value', content, sourceProfile: 'source' });
  await sealed(dataDir);
  // Recorded under a second seal, so that there is an end to cut off.
  await api.get(`/secrets/${body.secret.id as string}/content`);
  await sealed(dataDir);
  expect(await program.end('SIGTERM')).toBe(0);
  return { dataDir, id: body.secret.id as string };
}

/** Asks the embedded database of a running Claviger, past it. */
async function query(dataDir: string, ...statements: string[]): Promise<JsonBody[]> {
  const client = new Client({
    host: join(dataDir, 'run'),
    user: 'claviger',
    database: 'claviger',
    password: textOf(dataDir, 'postgres-password'),
  });
  await client.connect();
  try {
    let rows: JsonBody[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/** Lets a superuser change what the triggers keep, for the rest of the session. */
const PAST_TRIGGERS = 'set session_replication_role = replica';

/** Leaves the data with its PostgreSQL running and no Claviger. */
async function killed(dataDir: string): Promise<void> {
  const { program } = await start(dataDir);
  await sealed(dataDir);
  await program.end('SIGKILL');
}

async function onDatabase(connectionString: string, text: string): Promise<{ rows: JsonBody[] }> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

/** Resolves once every entry of the audit log of a running Claviger is under a seal. */
const sealed = (dataDir: string): Promise<void> =>
  eventually(async () => {
    const [row] = await query(
      dataDir,
      `select (select count(*)::int from audit_batch) = (select coalesce(sum(batch_count), 0)::int from audit_seal) as done`,
    );
    expect(row).toEqual({ done: true });
  });

describe('npm run access -- recover', () => {
  let dataDir: string;
  let id: string;
  beforeAll(async () => {
    ({ dataDir, id } = await filled());
  });

  it('puts a new root token into the file, beside data and tokens that stay, and is audited', async () => {
    const old = textOf(dataDir, 'root-token');
    const { code, stdout, stderr } = await run(dataDir, ['access', 'recover']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(join(dataDir, 'root-token'));
    expect(stdout).not.toContain(old);
    expect(textOf(dataDir, 'root-token')).not.toBe(old);
    expect(statSync(join(dataDir, 'root-token')).mode & 0o777).toBe(0o600);

    const { api } = await start(dataDir);
    const me = (await api.get('/whoami')).body;
    expect(me).toMatchObject({ policies: ['root'] });
    expect((await api.get(`/secrets/${id}/content`)).body).toMatchObject({ version: 1, content: { value: CONTENT } });
    expect((await api.as(old).get('/whoami')).status).toBe(200);
    const { body } = await api.get('/audit-entries?action=token.create&limit=1');
    expect(body.items).toEqual([
      expect.objectContaining({
        outcome: 'allowed',
        actor: expect.objectContaining({ type: 'system', id: 'access.recover' }),
        resource: expect.objectContaining({ kind: 'token' }),
        details: expect.objectContaining({ accessor: me.token.accessor }),
      }),
    ]);
  });

  it('refuses while Claviger runs on the data', async () => {
    const { program } = await start(dataDir);
    const token = program.rootToken;
    expect(await run(dataDir, ['access', 'recover'])).toEqual(refusal(/already runs on .*stop it first/));
    expect(program.rootToken).toBe(token);
  });

  it('refuses without the right root key, and changes nothing', async () => {
    const path = join(dataDir, 'root-key');
    const [key, token] = [readFileSync(path, 'utf8'), textOf(dataDir, 'root-token')];
    const other = Buffer.alloc(32, 7).toString('base64');
    try {
      for (const [text, why] of [
        [other, /not the one that this data was sealed under/],
        ['canary-key-77', /not 32 bytes in base64/],
      ] as const) {
        writeFileSync(path, text);
        expect(await run(dataDir, ['access', 'recover'])).toEqual(refusal(why));
        expect(await run(dataDir, ['audit', 'verify'])).toEqual(refusal(why));
      }
      writeFileSync(path, key);
      const env = { CLAVIGER_ROOT_KEY: other };
      expect(await run(dataDir, ['access', 'recover'], env)).toEqual(refusal(/not the one/));
    } finally {
      writeFileSync(path, key);
    }
    expect(textOf(dataDir, 'root-token')).toBe(token);
  });

  it('refuses where there is no data, and makes none', async () => {
    const nowhere = yard.newDataDir();
    for (const argv of [['access', 'recover'], ['audit', 'verify'], ['migrate']])
      expect(await run(nowhere, argv)).toEqual(refusal(/There is no Claviger data in .*CLAVIGER_DATA_DIR/));
    expect(existsSync(nowhere)).toBe(false);
  });

  it('prints how it is used for anything else', async () => {
    for (const argv of [[], ['recover', 'now'], ['--help']]) {
      const { code, stdout, stderr } = await run(dataDir, ['access', ...argv]);
      expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
      expect(stdout).toMatch(/^Usage: npm run access -- recover/);
    }
  });
});

describe('npm run audit', () => {
  let dataDir: string;
  beforeAll(async () => {
    ({ dataDir } = await filled());
  });

  const exportPath = (name: string): string => join(dirname(dataDir), name);
  /** Verifies an export where there is neither database nor key. */
  const verifyOffline = (file: string, ...more: string[]): Promise<Outcome> =>
    run(yard.newDataDir(), ['audit', 'verify', '--export', file, ...more]);

  it('verifies a good log, after a stop and after kill -9 in the middle of work', async () => {
    const good = { code: 0, stderr: '', stdout: expect.stringMatching(/^INTACT.*Anchors: [1-9]\d* match/s) };
    expect(await run(dataDir, ['audit', 'verify'])).toEqual(good);
    const { program, api } = await start(dataDir);
    const work = Array.from({ length: 300 }, (_, i) => api.get(`/secrets?name=${i}`).catch(() => undefined));
    await Promise.any(work);
    expect(await program.end('SIGKILL')).toBe('SIGKILL');
    await Promise.all(work);
    expect(await run(dataDir, ['audit', 'verify'])).toEqual(good);
  });

  it('exports to a file of its owner that verifies anywhere, and names what was changed in it', async () => {
    const file = exportPath('whole');
    expect(await run(dataDir, ['audit', 'export', file])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^Wrote \d+ entries and \d+ seals to /),
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file, 'utf8');
    expect(text).not.toContain(CONTENT);
    const anchors = join(dataDir, 'audit-anchors');
    expect(await verifyOffline(file)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^INTACT/) });
    expect(await verifyOffline(file, '--anchors', anchors)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Anchors: [1-9]\d* match/),
    });

    const changed = exportPath('changed');
    writeFileSync(changed, text.replace('"secret.create"', '"secret.delete"'));
    expect(await verifyOffline(changed)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^BROKEN at seal \d+, batch \d{4}-\d\d-\d\d\/[0-9a-f-]{36}: .*BATCH_CHANGED/m),
    });
    const lines = text.trim().split('\n');
    const firstSeal = lines.findIndex((line) => line.includes('"kind":"seal"'));
    const cut = exportPath('cut');
    writeFileSync(cut, `${lines.slice(0, firstSeal + 1).join('\n')}\n`);
    expect(await verifyOffline(cut)).toMatchObject({ code: 0 });
    expect(await verifyOffline(cut, '--anchors', anchors)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^BROKEN at seal \d+: .*TAIL_CUT/m),
    });
  });

  it('says which file cannot be used, and never overwrites one', async () => {
    const taken = exportPath('taken');
    writeFileSync(taken, 'mine');
    const unusable = (code: string): object => ({ code: 2, stderr: '', stdout: expect.stringContaining(`(${code})`) });
    expect(await run(dataDir, ['audit', 'export', taken])).toEqual(unusable('EEXIST'));
    expect(readFileSync(taken, 'utf8')).toBe('mine');
    expect(await verifyOffline(exportPath('absent'))).toEqual(unusable('ENOENT'));
  });

  it('refuses while Claviger runs on the data', async () => {
    await start(dataDir);
    expect(await run(dataDir, ['audit', 'verify'])).toEqual(refusal(/already runs on .*stop it first/));
    expect(await run(dataDir, ['audit', 'export', exportPath('never')])).toEqual(refusal(/already runs on/));
    expect(existsSync(exportPath('never'))).toBe(false);
  });

  it('names the row that was changed in the database', async () => {
    await killed(dataDir);
    const [row] = await query(
      dataDir,
      PAST_TRIGGERS,
      `update audit_batch set entries = replace(entries, '"secret.create"', '"secret.update"') where entries like '%"secret.create"%'
        returning day::text, id`,
    );
    const { code, stdout } = await run(dataDir, ['audit', 'verify']);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      new RegExp(`^BROKEN at seal \\d+, batch ${row!['day']}/${row!['id']}: .*BATCH_CHANGED`, 'm'),
    );
  });
});

describe('the anchors of the audit log', () => {
  it('show that its end was cut off in the database', async () => {
    const { dataDir } = await filled();
    await killed(dataDir);
    await query(
      dataDir,
      PAST_TRIGGERS,
      `delete from audit_batch where (tx, id) > (select watermark_tx, watermark_id from audit_seal where number = 1)`,
      `delete from audit_seal where number > 1`,
    );
    const { code, stdout } = await run(dataDir, ['audit', 'verify']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^BROKEN at seal \d+: .*TAIL_CUT/m);
    const empty = join(dirname(dataDir), 'no-anchors');
    writeFileSync(empty, '');
    expect(await run(dataDir, ['audit', 'verify', '--anchors', empty])).toMatchObject({ code: 0 });
  });
});

describe('npm run migrate', () => {
  let server: Client;
  let url: string;
  const name = `cli_${process.pid}`;
  beforeAll(async () => {
    server = new Client({ connectionString: process.env['CLAVIGER_TEST_DATABASE_URL'] });
    await server.connect();
    await server.query(`create database ${name}`);
    const address = new URL(process.env['CLAVIGER_TEST_DATABASE_URL']!);
    address.pathname = `/${name}`;
    url = address.href;
  });
  afterAll(async () => {
    await server.query(`drop database ${name} with (force)`);
    await server.end();
  });

  const rootKey = Buffer.alloc(32, 9).toString('base64');
  const onServer = (...argv: string[]): Promise<Outcome> =>
    run(yard.newDataDir(), argv, { CLAVIGER_DATABASE_URL: url, CLAVIGER_ROOT_KEY: rootKey });

  it('is asked for by whatever needs a newer database', async () => {
    const needsIt = refusal(/pending migrations. Run: npm run migrate/);
    expect(await onServer('access', 'recover')).toEqual({ ...needsIt, stderr: expect.stringMatching(/migrate\n$/) });
    for (const name of ['api', 'worker']) {
      const command = [process.execPath, join(repository, `dist/apps/${name}/src/main.js`)] as const;
      const env = { CLAVIGER_DATABASE_URL: url, CLAVIGER_ROOT_KEY: rootKey, CLAVIGER_LOG_LEVEL: 'silent' };
      const program = yard.start(yard.newDataDir(), { command, env });
      expect(await program.exit()).toBe(1);
      expect(program).toMatchObject({ stdout: '', stderr: expect.stringMatching(/^[^\n]*Run: npm run migrate\n$/) });
    }
  });

  it('brings a database up to date, once', async () => {
    const done = (text: RegExp): object => ({ code: 0, stderr: '', stdout: expect.stringMatching(text) });
    expect(await onServer('migrate')).toEqual(done(/^Applied [1-9]\d* migrations\.\n$/));
    expect(await onServer('migrate')).toEqual(done(/^The database is up to date\.\n$/));
  });

  it('makes a database that api and worker run on, which log to standard output and drain at a signal', async () => {
    const env = { CLAVIGER_DATABASE_URL: url, CLAVIGER_ROOT_KEY: rootKey };
    const start = (name: string): StartedProgram =>
      yard.start(yard.newDataDir(), { command: [process.execPath, `dist/apps/${name}/src/main.js`], env });
    const [api, worker] = [start('api'), start('worker')];
    const [, address] = await api.says(/"event":"http.listening","address":"([^"]+)"/);
    expect((await fetch(`${address}/readyz`)).status).toBe(200);
    await eventually(async () => {
      const { rows } = await onDatabase(url, `select kind from process_heartbeat order by kind`);
      expect(rows).toEqual([{ kind: 'api' }, { kind: 'worker' }]);
    });
    for (const program of [api, worker]) {
      expect(await program.end('SIGTERM', 'SIGTERM')).toBe(0);
      expect(program.stderr).toBe('');
      for (const line of program.stdout.trim().split('\n'))
        expect(JSON.parse(line)).toMatchObject({ service: 'claviger' });
    }
  });

  it('says that the database does not answer, and nothing of its password', async () => {
    const env = {
      CLAVIGER_DATABASE_URL: 'postgres://someone:canary-77@127.0.0.1:1/claviger',
      CLAVIGER_ROOT_KEY: rootKey,
    };
    for (const argv of [['migrate'], ['access', 'recover'], ['audit', 'verify']]) {
      const outcome = await run(yard.newDataDir(), argv, env);
      expect(outcome).toEqual(refusal(/ECONNREFUSED.*CLAVIGER_DATABASE_URL/));
      expect(outcome.stderr).not.toContain('canary');
    }
  });

  it('leaves data of an older or newer Claviger in a data directory to the start, which backs it up', async () => {
    const { dataDir } = await filled();
    const path = join(dataDir, 'version');
    const now = readFileSync(path, 'utf8');
    const version = JSON.parse(now) as { app: string; schema: string };
    writeFileSync(path, JSON.stringify({ ...version, schema: SCHEMA_NAMES[0] }));
    for (const argv of [['migrate'], ['access', 'recover'], ['audit', 'verify']])
      expect(await run(dataDir, argv)).toEqual(refusal(/older Claviger.*npm start.*backs/));
    writeFileSync(path, JSON.stringify({ app: '9.0.0', schema: 'Unknown9999999999999' }));
    expect(await run(dataDir, ['migrate'])).toEqual(refusal(/9\.0\.0.*newer/));
    writeFileSync(path, now);
    expect(await run(dataDir, ['migrate'])).toMatchObject({ code: 0, stdout: 'The database is up to date.\n' });
  });
});
