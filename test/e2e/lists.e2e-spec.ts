import type { JsonBody } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Stage, type StageVault } from './stage.js';

jest.setTimeout(60_000);

let stage: Stage;
let one: StageVault;
let two: StageVault;
beforeAll(async () => {
  stage = await Stage.open({ bao: false });
  one = await stage.vault('builtin', 'one');
  two = await stage.vault('builtin', 'two');
});
afterAll(() => stage?.close());

const names = (items: readonly JsonBody[]): string[] => items.map(({ name }) => name as string);
const found = async (query: string): Promise<string[]> => names(await stage.api.all(`/secrets?${query}`));

describe('the list of secrets', () => {
  const DAY = 86_400_000;
  const soon = new Date(Date.now() + DAY).toISOString();
  const late = new Date(Date.now() + 100 * DAY).toISOString();

  beforeAll(async () => {
    const secret = (source: StageVault, name: string, more: object): Promise<JsonBody> =>
      stage.secret({ source, name, ...more });
    for (const name of ['ann', 'bob']) await stage.register('users', { name });
    await secret(one, 'app/db', { owner: 'ann', labels: { team: 'pay', tier: '1' }, expiresAt: soon });
    await secret(one, 'app/Api', { type: 'api-key', content: { key: 'k' }, labels: { team: 'pay' } });
    await secret(one, 'app_x', { owner: 'bob', labels: { team: 'search' }, expiresAt: late });
    await secret(one, 'ärger/50%', { labels: { 'team.name': 'pay' } });
    await secret(two, 'app/db', { owner: 'bob' });
    const { id } = await secret(two, 'gone', {});
    await stage.api.delete(`/secrets/${id}`, { ifMatch: '*' });
    const { id: copied } = await secret(two, 'copied', { targets: [one] });
    await stage.inSync(copied);
  });

  it.each([
    ['profile=one', ['app/Api', 'app/db', 'app_x', 'ärger/50%']],
    ['profile=two', ['app/db', 'copied']],
    ['namePrefix=app/', ['app/Api', 'app/db', 'app/db']],
    ['namePrefix=App', []],
    ['namePrefix=%25', []],
    ['nameContains=50%25', ['ärger/50%']],
    ['nameContains=_', ['app_x']],
    ['type=api-key', ['app/Api']],
    ['owner=bob', ['app/db', 'app_x']],
    ['label=team', ['app/Api', 'app/db', 'app_x']],
    ['label=team%3Dpay', ['app/Api', 'app/db']],
    ['label=team.name', ['ärger/50%']],
    ['label=team%3D', []],
    [`expiringBefore=${new Date(Date.now() + 2 * DAY).toISOString()}`, ['app/db']],
    ['state=deleted', ['gone']],
    ['state=active&profile=two', ['app/db', 'copied']],
    ['replicationStatus=in_sync', ['copied']],
    ['replicationStatus=drifted', []],
    ['profile=one&label=team%3Dpay&type=key-value&owner=ann&nameContains=d', ['app/db']],
    ['profile=nowhere', []],
  ])('is filtered by %s', async (query, expected) => {
    expect(await found(query)).toEqual(expected);
  });

  it.each(['name', 'createdAt', 'updatedAt', 'expiresAt'])('is sorted by %s in both directions', async (sort) => {
    const value = (item: JsonBody): string | null => item[sort] as string | null;
    const up = (await stage.api.all(`/secrets?sort=${sort}`)).map(value);
    const down = (await stage.api.all(`/secrets?sort=${sort}&order=desc`)).map(value);
    const known = up.filter((item) => item !== null);
    const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
    expect(known).toEqual([...known].sort(compare));
    expect(down.filter((item) => item !== null)).toEqual([...known].sort((a, b) => compare(b, a)));
    // What has no value comes last either way.
    expect(up.slice(known.length).every((item) => item === null)).toBe(true);
    expect(down.slice(known.length).every((item) => item === null)).toBe(true);
  });

  it('finds one by profile and name, and tells nothing more about one that is not there', async () => {
    expect(await found('profile=one&name=app/db')).toEqual(['app/db']);
    const missing = await stage.api.get('/secrets?profile=one&name=app/missing');
    const stranger = await stage.tokenWith('approver');
    const forbidden = await stranger.get('/secrets?profile=one&name=app/db');
    expect(missing.status).toBe(404);
    expect({ ...forbidden.body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
    const [{ id }] = await stage.api.all('/secrets?profile=one&name=app/db');
    const byId = await stranger.get(`/secrets/${id}`);
    const never = await stage.api.get('/secrets/0199aa00-0000-7000-8000-000000000001');
    expect({ ...byId.body, requestId: '' }).toEqual({ ...never.body, requestId: '' });
  });

  it('needs a profile where a name is given', async () => {
    expect(await stage.api.get('/secrets?name=app/db')).toMatchObject({ status: 400, body: { code: 'INPUT_INVALID' } });
  });

  it('shows only what the caller may list', async () => {
    const caller = await stage.allowed({ 'claviger/secrets/two/': ['list'] });
    expect(names(await caller.all('/secrets'))).toEqual(['app/db', 'copied']);
    expect(names(await caller.all('/secrets?profile=one'))).toEqual([]);
    const nobody = await stage.allowed({ 'somewhere/else': ['read'] });
    expect(await nobody.all('/secrets')).toEqual([]);
  });

  it.each([
    'sort=size',
    'order=up',
    'limit=0',
    'limit=201',
    'limit=1.5',
    'limit=ten',
    'type=poem',
    'state=asleep',
    'replicationStatus=good',
    'expiringBefore=tomorrow',
    'nosuch=filter',
    'cursor=nonsense',
    'profile=a&profile=b',
    `namePrefix=${'x'.repeat(513)}`,
  ])('refuses %s', async (query) => {
    const answer = await stage.api.get(`/secrets?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.body.code).toMatch(/^(INPUT|CURSOR)_INVALID$/);
  });

  it('refuses the cursor of another order instead of failing on it', async () => {
    for (const [from, to] of [
      ['name', 'createdAt'],
      ['createdAt', 'name'],
      ['name', 'expiresAt'],
    ]) {
      const { body } = await stage.api.get(`/secrets?sort=${from}&limit=1`);
      const answer = await stage.api.get(`/secrets?sort=${to}&limit=1&cursor=${body.nextCursor}`);
      expect([200, 400]).toContain(answer.status);
    }
    const nul = Buffer.from(JSON.stringify({ value: 'a\u0000b', id: '0199aa00-0000-7000-8000-000000000001' }));
    expect((await stage.api.get(`/secrets?cursor=${nul.toString('base64url')}`)).status).toBe(400);
  });

  it('takes NUL and other control characters in filters without failing', async () => {
    for (const filter of ['namePrefix', 'nameContains', 'owner', 'label', 'profile'])
      expect([200, 400]).toContain((await stage.api.get(`/secrets?${filter}=a%00b`)).status);
  });
});

describe('pages', () => {
  const COUNT = 23;
  let many: StageVault;

  beforeAll(async () => {
    many = await stage.vault('builtin', 'many');
    for (let i = 0; i < COUNT; i += 1)
      await stage.secret({
        source: many,
        name: `s${i}`,
        ...(i % 3 === 0 ? {} : { expiresAt: `2030-01-0${(i % 5) + 1}T00:00:00Z` }),
      });
    // Equal times, as fast writers make them.
    const { dataSource } = stage.app.database;
    await dataSource.query(
      `update secret set created_at = '2026-01-01', updated_at = '2026-01-02' where name in ('s1', 's2', 's3', 's4', 's5')`,
    );
  });

  it.each(['name', 'createdAt', 'updatedAt', 'expiresAt'].flatMap((sort) => [`${sort} asc`, `${sort} desc`]))(
    'of secrets by %s show everything once, whatever their size',
    async (order) => {
      const [sort, direction] = order.split(' ');
      const query = `/secrets?profile=many&sort=${sort}&order=${direction}`;
      const whole = names(await stage.api.all(query));
      expect(new Set(whole).size).toBe(COUNT);
      for (const size of [1, 4, 22, 23, 24]) expect(names(await stage.api.all(query, size))).toEqual(whole);
    },
  );

  it.each([
    ['/vault-profiles?sort=name', 'name'],
    ['/vault-profiles?sort=createdAt&order=desc', 'name'],
    ['/vault-instances?sort=updatedAt', 'name'],
    ['/policies', 'name'],
    ['/tokens', 'accessor'],
    ['/changes', 'id'],
  ])('of %s show everything once', async (list, key) => {
    const whole = (await stage.api.all(list)).map((item) => item[key] as string);
    expect(whole.length).toBeGreaterThan(0);
    expect(new Set(whole).size).toBe(whole.length);
    for (const size of [1, 3]) expect((await stage.api.all(list, size)).map((item) => item[key])).toEqual(whole);
  });

  it('of versions show everything once, newest first', async () => {
    const { id } = await stage.secret({ source: many, name: 'versions' });
    for (let i = 2; i <= 7; i += 1) await stage.write(id, { value: `${i}` });
    for (const size of [1, 2, 7, 50]) {
      const items = await stage.api.all(`/secrets/${id}/versions`, size);
      expect(items.map(({ number }) => number)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    }
  });

  it('of audit entries show everything once, newest first', async () => {
    const query = '/audit-entries?action=secret.create';
    const whole = (await stage.api.all(query)).map(({ id }) => id as string);
    expect(whole.length).toBeGreaterThanOrEqual(COUNT);
    expect(new Set(whole).size).toBe(whole.length);
    expect((await stage.api.all(query, 5)).map(({ id }) => id)).toEqual(whole);
  });

  it('are not disturbed by what is created meanwhile', async () => {
    const before = new Set(names(await stage.api.all('/secrets?profile=many')));
    const first = await stage.api.get('/secrets?profile=many&limit=5');
    await stage.secret({ source: many, name: 'a-new-one' });
    const seen = names(first.body.items);
    for (let { nextCursor } = first.body; nextCursor !== null;) {
      const { body } = await stage.api.get(`/secrets?profile=many&limit=5&cursor=${nextCursor}`);
      seen.push(...names(body.items));
      nextCursor = body.nextCursor;
    }
    expect(new Set(seen)).toEqual(before);
    expect(seen).toHaveLength(before.size);
  });
});
