import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { ApiAnswer } from '@claviger/testing';
import { Stage, unique, type StageVault } from './stage.js';

jest.setTimeout(120_000);

let stage: Stage;
let source: StageVault;
let target: StageVault;
beforeAll(async () => {
  stage = await Stage.open();
  source = await stage.vault(stage.bao ? 'kv2' : 'builtin');
  target = await stage.vault('builtin');
});
afterAll(() => stage?.close());

/** Text that occurs nowhere by itself. */
const canary = (): string => `canary${randomBytes(12).toString('hex')}`;

/** Every text form of all cells of all tables, the queue's among them, that holds one of the words. */
async function tablesWith(words: readonly string[]): Promise<string[]> {
  const { dataSource } = stage.app.database;
  const tables = (await dataSource.query(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
  )) as { name: string }[];
  const patterns = words.flatMap((word) => [
    word,
    Buffer.from(word).toString('hex'),
    Buffer.from(word).toString('base64').slice(2, -4),
  ]);
  const found: string[] = [];
  for (const { name } of tables) {
    const [row] = (await dataSource.query(
      `select count(*)::int as count from ${name} t, unnest($1::text[]) word where strpos(t::text, word) > 0`,
      [patterns],
    )) as { count: number }[];
    if (row!.count > 0) found.push(name);
  }
  return found;
}

describe('a value that is secret', () => {
  const planted: string[] = [];
  const answers: ApiAnswer[] = [];
  const plant = (): string => {
    const word = canary();
    planted.push(word);
    return word;
  };

  beforeAll(async () => {
    const { api } = stage;
    const note = async (answer: Promise<ApiAnswer>): Promise<ApiAnswer> => {
      answers.push(await answer);
      return answer;
    };
    // Where it belongs.
    const { id } = await stage.secret({ source, targets: [target], content: { value: plant() } });
    await stage.write(id, { value: plant(), nested: { list: [plant()] } });
    await stage.inSync(id);
    await note(api.put(`/secrets/${id}/content?dryRun=true`, { content: { value: plant() } }, { ifMatch: '*' }));
    const credentials = { type: 'token', token: plant() };
    const config = { address: 'http://127.0.0.1:1' };
    await note(api.post('/vault-instances', { name: unique('away'), kind: 'kv', config, credentials }));
    await note(api.post('/vault-instances?check=false', { name: unique('kept'), kind: 'kv', config, credentials }));
    if (stage.bao) {
      const there = { address: stage.bao.address };
      await note(api.post('/vault-instances', { name: unique('wrong'), kind: 'kv', config: there, credentials }));
    }
    // In malformed requests.
    const headers = { 'content-type': 'application/json' };
    const path = '/api/v1/secrets';
    const base = { name: unique('bad'), sourceProfile: source.profile };
    for (const body of [
      { ...base, type: 'key-value', content: plant() },
      { ...base, type: 'key-value', content: [plant()] },
      { ...base, type: 'basic-auth', content: { username: 'a', pasword: plant() } },
      { ...base, type: 'private-key', content: { privateKey: `-----BEGIN PRIVATE KEY-----\n${plant()}` } },
      { ...base, type: 'jwt', content: { token: `${plant()}.${plant()}.${plant()}` } },
      { ...base, type: 'key-store', content: { type: 'PKCS12', content: plant(), password: plant() } },
      { ...base, type: 'secret-key', content: { key: plant(), algorithm: 'AES' } },
      { ...base, type: plant(), content: {} },
      { ...base, type: 'key-value', [plant()]: 'x' },
      { ...base, type: 'key-value', labels: { [`!${plant()}`]: 'x' } },
      { ...base, type: 'key-value', generate: { field: 'a', length: plant() } },
      { ...base, type: 'key-value', secret: { value: plant() } },
      { ...base, type: 'key-value', content: { big: plant().repeat(4_000) } },
    ])
      await note(api.raw({ method: 'POST', path, headers, body: JSON.stringify(body) }));
    for (const body of [
      `{"content":{"value":"${plant()}"`,
      `{"content":{"${plant()}":1,"${planted.at(-1)}":2}}`,
      `{"content":{"value":"${plant()}",}}`,
      plant(),
      `"${plant()}"`,
      `{"credentials":"${plant()}"}`,
    ])
      for (const where of [path, '/api/v1/vault-instances'])
        await note(api.raw({ method: 'POST', path: where, headers, body }));
    await note(api.raw({ method: 'POST', path, headers: { 'content-type': 'text/plain' }, body: plant() }));
    await note(api.raw({ method: 'GET', path: `${path}?token=${plant()}` }));
    await note(api.raw({ method: 'GET', path: `${path}?cursor=${plant()}` }));
    await note(api.raw({ method: 'GET', path: `/api/v1/${plant()}` }));
    await note(api.raw({ method: 'GET', path: `/api/v1/secrets/${plant()}` }));
    await note(api.raw({ method: 'GET', path: `/api/v1/%zz${plant()}` }));
    await note(api.raw({ method: 'GET', path: `/api/v1/tokens/${stage.app.rootToken}` }));
    const nobody = await stage.tokenWith();
    await note(nobody.get(`/tokens/${stage.app.rootToken}`));
    await note(nobody.delete(`/tokens/${stage.app.rootToken}`));
    await note(nobody.post(`/tokens/${stage.app.rootToken}/renew`));
    await note(api.as(plant()).get('/whoami'));
    await note(api.raw({ method: 'GET', path: '/api/v1/whoami', headers: { authorization: `Basic ${plant()}` } }));
    await note(api.raw({ method: 'GET', path, headers: { 'if-match': plant(), cookie: plant() } }));
    await note(api.raw({ method: 'DELETE', path: `${path}/${id}`, headers: { 'if-match': plant() } }));
    await note(api.post('/policies', { name: unique('p'), policy: `{"path":{"a":{"capabilities":["${plant()}` }));
  });

  it('is in no answer', () => {
    const told = answers.filter(({ text, headers }) =>
      [...planted, stage.app.rootToken].some(
        (word) => text.includes(word) || [...headers.values()].join().includes(word),
      ),
    );
    expect(told.map(({ status, text }) => `${status} ${text}`)).toEqual([]);
  });

  it('is in no log line', () => {
    const text = stage.app.logs.text();
    expect(planted.filter((word) => text.includes(word))).toEqual([]);
    for (const word of [stage.app.rootToken, stage.app.rootKey]) expect(text).not.toContain(word);
    expect(text.length).toBeGreaterThan(0);
  });

  it('is in no table, no job and no result of one', async () => {
    expect(await tablesWith([...planted, stage.app.rootToken, stage.app.rootKey])).toEqual([]);
    // The search itself finds what is there.
    const word = unique('findable');
    await stage.secret({ source, description: word });
    expect(await tablesWith([word])).toContain('public.secret');
  });
});
