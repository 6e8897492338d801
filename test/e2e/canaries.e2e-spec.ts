import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  ApiClient,
  eventually,
  findRedisServer,
  startOpenBao,
  startRedis,
  type ApiAnswer,
  type JsonBody,
  type OpenBaoPeer,
} from '@claviger/testing';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { canary, CanarySearch } from './canary-search.js';
import { approvalsIn } from './approval-canaries.js';
import { plansIn } from './plan-canaries.js';
import { clientSecretsIn, jwtsIn, passwordsIn } from './login-canaries.js';
import { idempotencyIn } from './idempotency-canaries.js';
import { HookReceiver } from './hook-receiver.js';
import { MailServer } from './mail-server.js';
import { mailIn, webhooksIn } from './notification-canaries.js';
import { awsInstances, kvInstances, type Instance } from './credential-canaries.js';
import { EchoVault } from './echo-vault.js';
import { hasOpenBao, unique } from './stage.js';
import { ProgramYard, type StartedProgram } from './started-program.js';

jest.setTimeout(180_000);

const yard = new ProgramYard();
let program: StartedProgram;
let api: ApiClient;
let echo: EchoVault;
let bao: OpenBaoPeer | undefined;
let receiver: HookReceiver;
let mail: MailServer;
const mailPassword = canary();
const mailDir = mkdtempSync(join(tmpdir(), 'claviger-canary-mail-'));
beforeAll(async () => {
  echo = await EchoVault.start();
  if (hasOpenBao) bao = await startOpenBao();
  receiver = await HookReceiver.start();
  mail = await MailServer.start(mailDir, mailPassword);
  program = yard.start(yard.newDataDir(), { env: { ...mail.env, CLAVIGER_LOG_LEVEL: 'trace' } });
  api = new ApiClient(await program.ready(), program.rootToken);
});
afterAll(async () => {
  await yard.stopAll();
  await Promise.all([echo?.close(), bao?.close(), receiver?.close(), mail?.close()]);
  rmSync(mailDir, { recursive: true });
  yard.remove();
});

const fileOf = (...names: string[]): string => readFileSync(join(program.dataDir, ...names), 'utf8').trim();

/** Where the installation's own secrets are for their owner. */
const OWN = ['root-key', 'root-token', 'postgres-password'] as const;

async function query(text: string, values: unknown[] = []): Promise<JsonBody[]> {
  const host = join(program.dataDir, 'run');
  const client = new Client({ host, user: 'claviger', database: 'claviger', password: fileOf('postgres-password') });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** Every text form of all cells of all tables, the queue's among them, that holds one of the words. */
async function tablesWith(search: CanarySearch): Promise<string[]> {
  const tables = await query(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await query(`select t::text as row from ${name} t`);
    for (const { row } of rows) for (const word of search.inText(row as string)) found.push(`${name}: ${word}`);
  }
  return found;
}

describe('a value that is secret', () => {
  const planted: string[] = [];
  /** Made by Claviger, and told to whoever asked for them. */
  const made: string[] = [];
  const findable = canary();
  const compressed = canary();
  const answers: ApiAnswer[] = [];
  let written: string[] = [];
  const plant = (): string => {
    const word = canary();
    planted.push(word);
    return word;
  };
  const note = async (answer: Promise<ApiAnswer>): Promise<ApiAnswer> => {
    answers.push(await answer);
    return answer;
  };
  const must = async (answer: Promise<ApiAnswer>): Promise<JsonBody> => {
    const { status, body } = await note(answer);
    expect({ status, body: status < 300 ? '' : body }).toMatchObject({ body: '' });
    return body;
  };
  const any = { ifMatch: '*' };

  /** A secret that lives through everything that happens to secrets. */
  async function live(source: string, target: string): Promise<string> {
    const name = unique('lives');
    const content = { value: plant() };
    const { secret } = await must(
      api.post('/secrets', { name, type: 'key-value', content, sourceProfile: source, syncProfiles: [target] }),
    );
    const path = `/secrets/${secret.id}`;
    await must(api.put(`${path}/content`, { content: { value: plant(), nested: { list: [plant()] } } }, any));
    await must(api.put(`${path}/content?dryRun=true`, { content: { value: plant() } }, any));
    // Long enough to be stored out of line, and compressed there if it were not sealed.
    await must(api.put(`${path}/content`, { content: { value: plant().repeat(200) } }, any));
    await must(api.post(`${path}/versions/1/restore`));
    await must(api.post(`${path}/rotate`, { generate: { field: 'value', length: 40 } }));
    made.push((await api.get(`${path}/content`)).body.content.value as string);
    await eventually(async () => {
      const { items } = (await api.get(`${path}/targets`)).body;
      expect(items).toMatchObject([{ status: 'in_sync' }]);
    });
    return path;
  }

  async function plantContents(): Promise<void> {
    await must(api.post('/vault-instances', { name: 'inside', kind: 'builtin' }));
    const profile = (name: string, instance: string, more: object = {}): Promise<JsonBody> =>
      must(api.post('/vault-profiles?check=false', { name, instance, mount: name, ...more }));
    for (const name of ['source', 'target']) await profile(name, 'inside');
    const path = await live('source', 'target');
    await must(api.delete(await live('source', 'target'), any));
    await must(api.delete(`${path}/versions/2`, any));
    await must(api.post(`${path}/versions/1/destroy`));

    const tokenOf = (address: string, token: string): object => ({
      kind: 'kv',
      config: { address },
      credentials: { type: 'token', token },
    });
    await must(api.post('/vault-instances?check=false', { name: 'echo', ...tokenOf(echo.address, plant()) }));
    for (const flavour of ['kv2', 'kv1']) {
      await profile(`echo-${flavour}`, 'echo', { flavour });
      const base = { type: 'key-value', content: { value: plant() } };
      // Its errors are told, kept and logged: as those of a target, and of a source.
      const copied = { ...base, name: unique('copied'), sourceProfile: 'source', syncProfiles: [`echo-${flavour}`] };
      const { secret } = await must(api.post('/secrets', copied));
      await eventually(async () => {
        const { items } = (await note(api.get(`/secrets/${secret.id}/targets`))).body;
        expect(items[0].error.code).toBeTruthy();
      });
      await note(api.post('/secrets', { ...base, name: unique('kept'), sourceProfile: `echo-${flavour}` }));
      await note(api.get('/changes?state=failed'));
      await note(api.post(`/vault-profiles/echo-${flavour}/check`));
    }
    const [[aws]] = awsInstances(echo.address, plant);
    await must(api.post('/vault-instances?check=false', { name: 'echo-aws', ...aws }));
    await profile('echo-aws', 'echo-aws');
    const kept = { name: unique('kept'), type: 'key-value', content: { value: plant() } };
    await note(api.post('/secrets', { ...kept, sourceProfile: 'echo-aws' }));
    await note(api.post('/vault-profiles/echo-aws/check'));
    if (!bao) return;
    await must(api.post('/vault-instances', { name: 'bao', ...tokenOf(bao.address, bao.rootToken) }));
    planted.push(bao.rootToken);
    for (const version of [1, 2] as const) {
      await bao.mountKv(`kv${version}`, version);
      await profile(`kv${version}`, 'bao');
    }
    await live('kv2', 'kv1');
    await live('source', 'kv2');
  }

  /** Registers them, asked for and not, changes what they are sent to, and forgets them. */
  async function tryCredentials({ credentials, ...about }: Instance, config: object): Promise<void> {
    const instance = { ...about, credentials };
    await note(api.post('/vault-instances', { name: unique('asked'), ...instance }));
    const name = unique('kept');
    const kept = await note(api.post('/vault-instances?check=false', { name, ...instance }));
    if (kept.status !== 201) return;
    await note(api.post(`/vault-instances/${name}/check`));
    await note(api.patch(`/vault-instances/${name}`, { config, credentials }, any));
    await note(api.get(`/vault-instances/${name}`));
    await note(api.delete(`/vault-instances/${name}`, any));
  }

  async function plantCredentials(): Promise<void> {
    const addresses = ['http://127.0.0.1:1', echo.address, ...(bao ? [bao.address] : [])];
    for (const [instance, change] of addresses.flatMap((address) => kvInstances(address, plant)))
      await tryCredentials(instance, change);
    for (const [instance, change] of addresses.slice(0, 2).flatMap((address) => awsInstances(address, plant)))
      await tryCredentials(instance, change);
    const address = `http://${plant()}:${plant()}@127.0.0.1:1`;
    await note(
      api.post('/vault-instances', { name: unique('in-url'), kind: 'kv', config: { address }, credentials: {} }),
    );
  }

  async function plantTokens(): Promise<void> {
    const { body } = await api.post('/tokens', { policies: ['developer'] });
    const token = body.token as string;
    made.push(token);
    const nobody = api.as(token);
    for (const named of [token, api.token]) {
      await note(nobody.get(`/tokens/${named}`));
      await note(nobody.delete(`/tokens/${named}`));
      await note(nobody.post(`/tokens/${named}/renew`));
      await note(api.get(`/tokens/${named}`));
      await note(api.raw({ method: 'GET', path: `/api/v1/secrets?cursor=${named}` }));
      await note(api.raw({ method: 'GET', path: `/${named}` }));
    }
    await note(api.as(plant()).get('/whoami'));
    await note(api.as(`${token}${plant()}`).get('/whoami'));
    const path = '/api/v1/whoami';
    await note(api.raw({ method: 'GET', path, headers: { authorization: `Basic ${plant()}` } }));
    await note(api.raw({ method: 'GET', path, headers: { 'x-vault-token': plant() } }));
    await note(api.raw({ method: 'GET', path, headers: { 'x-request-id': plant() } }));
  }

  /** In requests that are refused, in whatever place something secret may end up by mistake. */
  async function plantMistakes(): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const path = '/api/v1/secrets';
    const base = { name: unique('bad'), sourceProfile: 'source' };
    for (const body of [
      { ...base, type: 'key-value', content: plant() },
      { ...base, type: 'key-value', content: [plant()] },
      { ...base, type: 'basic-auth', content: { username: 'a', pasword: plant() } },
      { ...base, type: 'api-key', content: { key: '', [plant()]: plant() } },
      { ...base, type: 'private-key', content: { privateKey: `-----BEGIN PRIVATE KEY-----\n${plant()}` } },
      { ...base, type: 'private-key', content: { privateKey: plant(), passphrase: plant(), publicKey: plant() } },
      { ...base, type: 'jwt', content: { token: `${plant()}.${plant()}.${plant()}` } },
      { ...base, type: 'key-store', content: { type: 'PKCS12', content: plant(), password: plant() } },
      {
        ...base,
        type: 'key-store',
        content: { type: 'JKS', content: Buffer.from(plant()).toString('base64'), password: plant() },
      },
      { ...base, type: 'secret-key', content: { key: plant(), algorithm: 'AES' } },
      { ...base, type: plant(), content: {} },
      { ...base, type: 'key-value', [plant()]: 'x' },
      { ...base, type: 'key-value', labels: { [`!${plant()}`]: 'x' } },
      { ...base, type: 'key-value', generate: { field: 'a', length: plant() } },
      { ...base, type: 'key-value', generate: { field: 'a', alphabet: plant() } },
      { ...base, type: 'key-value', secret: { value: plant() } },
      { ...base, type: 'key-value', content: { big: plant().repeat(4_000) } },
      { ...base, type: 'key-value', content: { a: plant() }, sourceProfile: 'nowhere' },
      { ...base, type: 'key-value', content: { a: plant() }, name: '../up' },
    ])
      await note(api.raw({ method: 'POST', path, headers, body: JSON.stringify(body) }));
    for (const body of [
      `{"content":{"value":"${plant()}"`,
      `{"content":{"${plant()}":1,"${planted.at(-1)}":2}}`,
      `{"content":{"value":"${plant()}",}}`,
      `{"content":{"value":"${plant()}\\ud800"}}`,
      plant(),
      `"${plant()}"`,
      `{"credentials":"${plant()}"}`,
      `{"name":"ada","password":"${plant()}"`,
      `{"name":"ada","password":"${plant()}","password":"${plant()}"}`,
      `{"clientId":"x","clientSecret":"${plant()}\\q"}`,
      `{"issuer":"x","token":"${plant()}\\q"}`,
    ])
      for (const where of [
        path,
        '/api/v1/vault-instances',
        '/api/v1/tokens',
        '/api/v1/policies',
        '/api/v1/users',
        '/api/v1/login/password',
        '/api/v1/login/client-credential',
        '/api/v1/login/jwt',
        '/api/v1/login-issuers',
        '/api/v1/webhooks',
        '/api/v1/mail-subscriptions',
      ])
        await note(api.raw({ method: 'POST', path: where, headers, body }));
    await note(api.raw({ method: 'POST', path, headers: { 'content-type': 'text/plain' }, body: plant() }));
    await note(api.raw({ method: 'POST', path, headers: { 'content-type': plant() }, body: plant() }));
    await note(api.raw({ method: 'GET', path: `${path}?token=${plant()}` }));
    await note(api.raw({ method: 'GET', path: `${path}?cursor=${plant()}` }));
    await note(api.raw({ method: 'GET', path: `/api/v1/${plant()}` }));
    await note(api.raw({ method: 'GET', path: `/api/v1/secrets/${plant()}` }));
    await note(api.raw({ method: 'GET', path: `/api/v1/%zz${plant()}` }));
    await note(api.raw({ method: 'GET', path, headers: { 'if-match': plant(), cookie: plant() } }));
    await note(api.raw({ method: 'DELETE', path: `${path}/${plant()}`, headers: { 'if-match': plant() } }));
    await note(api.post('/policies', { name: unique('p'), policy: `{"path":{"a":{"capabilities":["${plant()}` }));
  }

  beforeAll(async () => {
    await plantContents();
    await plantCredentials();
    await plantTokens();
    const planting = { api, plant, keep: (text: string) => made.push(text), must, note };
    for (const happen of [passwordsIn, clientSecretsIn, jwtsIn, approvalsIn, idempotencyIn, plansIn])
      await happen(planting);
    planted.push(mailPassword);
    await webhooksIn(planting, receiver);
    await mailIn(planting, mail);
    await plantMistakes();
    // What is no secret is found by the same search, also where PostgreSQL compresses it.
    const base = { type: 'generic', content: { content: 'x' }, sourceProfile: 'source' };
    await must(api.post('/secrets', { ...base, name: unique('found'), description: findable }));
    await query(`create table compressed (text text)`);
    await query(`insert into compressed values (repeat('so it goes ', 400) || $1)`, [compressed]);
    const settings = await query(
      `select name, setting from pg_settings where name in ('wal_compression', 'full_page_writes', 'wal_level') order by name`,
    );
    written = settings.map(({ name, setting }) => `${name}=${setting}`);
  });

  const secrets = (): CanarySearch => {
    const rootKey = Buffer.from(fileOf('root-key'), 'base64').toString('latin1');
    return new CanarySearch([...planted, ...made, ...OWN.map((name) => fileOf(name)), rootKey]);
  };

  it('is in no answer', () => {
    expect(answers.length).toBeGreaterThan(150);
    const search = secrets();
    const told = answers.filter(
      ({ text, headers }) => search.inText(`${text} ${[...headers.values()].join()}`).size > 0,
    );
    expect(told.map(({ status, text }) => `${status} ${text}`)).toEqual([]);
  });

  it('is in no table, no job and no result of one', async () => {
    expect(await tablesWith(secrets())).toEqual([]);
    expect(await tablesWith(new CanarySearch([findable]))).toContain(`public.secret: ${findable}`);
  });

  it('is in no output, no log, and no byte of the database and its write-ahead log', async () => {
    const search = secrets();
    const find = (words: CanarySearch): string[] => words.inFiles(program.dataDir, OWN);
    // Full pages are written as they are: no value hides in a compressed one.
    expect(written).toEqual(['full_page_writes=on', 'wal_compression=off', 'wal_level=replica']);
    const before = find(search);
    expect(await program.end('SIGTERM')).toBe(0);
    expect([...before, ...find(search)]).toEqual([]);
    expect([...search.inText(program.stdout + program.stderr)]).toEqual([]);
    expect(fileOf('claviger.log').length).toBeGreaterThan(10_000);
    const places = find(new CanarySearch([findable, compressed]));
    for (const word of [findable, compressed])
      for (const where of ['base', 'pg_wal'])
        expect(places).toContainEqual(expect.stringMatching(`^postgres/${where}/.*: ${word}$`));
  });
});

(findRedisServer() ? describe : describe.skip)('a value that is secret, with the queue in Redis', () => {
  it('is in nothing that Redis is ever told', async () => {
    const redis = await startRedis();
    const client = new Redis(redis.url);
    const watcher = await client.monitor();
    try {
      let told = '';
      watcher.on('monitor', (_time: string, args: string[]) => (told += `${args.join(' ')}\n`));
      const other = yard.start(yard.newDataDir(), { env: { CLAVIGER_REDIS_URL: redis.url } });
      const own = new ApiClient(await other.ready(), other.rootToken);
      const words = [canary(), canary(), canary(), other.rootToken];
      const [first, second, third] = words;
      const credentials = { type: 'token', token: third };
      await own.post('/vault-instances', { name: 'inside', kind: 'builtin' });
      const config = { address: echo.address };
      await own.post('/vault-instances?check=false', { name: 'echo', kind: 'kv', config, credentials });
      for (const [name, instance] of [
        ['source', 'inside'],
        ['target', 'inside'],
        ['failing', 'echo'],
      ])
        await own.post('/vault-profiles?check=false', {
          name,
          instance,
          mount: name,
          flavour: name === 'failing' ? 'kv1' : 'auto',
        });
      const syncProfiles = ['target', 'failing'];
      const base = { name: 'one', type: 'key-value', sourceProfile: 'source', syncProfiles };
      const { body } = await own.post('/secrets', { ...base, content: { value: first } });
      const { id } = body.secret;
      await own.put(`/secrets/${id}/content`, { content: { value: second } }, { ifMatch: '*' });
      await eventually(async () => {
        const { items } = (await own.get(`/secrets/${id}/targets`)).body;
        const [failing, target] = [...items].sort((a: JsonBody, b: JsonBody) => a.profile.localeCompare(b.profile));
        expect(target).toMatchObject({ status: 'in_sync', observed: { version: 2 } });
        expect(failing.error.code).toBeTruthy();
      });
      expect(await other.end('SIGTERM')).toBe(0);
      expect([...new CanarySearch(words).inText(told)]).toEqual([]);
      expect(told).toContain(id);
    } finally {
      watcher.disconnect();
      client.disconnect();
      await redis.stop();
    }
  });
});
