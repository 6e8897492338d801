import { REMOVE_EXPIRED_ANSWERS } from '@claviger/features/idempotency';
import { ApiClient, eventually, type ApiAnswer, type JsonBody, type RawRequest } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ENDPOINT_CALLS } from './every-endpoint.js';
import { Stage, unique, type StageVault } from './stage.js';

jest.setTimeout(120_000);

let stage: Stage;
let source: StageVault;
let target: StageVault;
beforeAll(async () => {
  stage = await Stage.open({ bao: false, cluster: true });
  source = await stage.vault('builtin', 'source');
  target = await stage.vault('builtin', 'target');
});
afterAll(() => stage?.close());

const newKey = (): string => unique('key');
const keyed = (key: string): { headers: Record<string, string> } => ({ headers: { 'idempotency-key': key } });
const isReplayed = ({ headers }: ApiAnswer): boolean => headers.get('idempotency-replayed') === 'true';
const other = (): ApiClient => stage.app.apis[1]!;
const query = <T>(text: string, values: unknown[] = []): Promise<T[]> =>
  stage.app.database.dataSource.query(text, values);

/** Sends what it is asked to send with a key, and remembers it. */
class KeyedClient extends ApiClient {
  sent: RawRequest | undefined;

  constructor(
    private readonly inner: ApiClient,
    private readonly key: string,
  ) {
    super(inner.url, inner.token);
  }

  override raw(request: RawRequest): Promise<ApiAnswer> {
    this.sent = { ...request, headers: { ...request.headers, ...keyed(this.key).headers } };
    return this.inner.raw(this.sent);
  }
}

/** Whatever a request can make, counted; but for events, which a worker takes away. */
async function effects(): Promise<unknown> {
  const tables =
    'change secret secret_version sync_target token principal principal_group client_credential policy login_issuer ' +
    'approval approval_vote approval_comment approval_delegation approval_profile approval_profile_version ' +
    'vault_instance vault_profile notification_subscription delete_fuse plan plan_item vault_import';
  const counts = tables.split(' ').map((name) => `(select count(*) from ${name}) as "${name}"`);
  return (await query(`select ${counts.join(', ')}, (select max(renewed_at) from token) as renewed`))[0];
}

/** A body without what the worker goes on changing. */
const settled = ({ body }: ApiAnswer): unknown => ({
  ...body,
  secret: body.secret && { ...body.secret, replication: 0 },
});

/** As a process leaves it that died after executing the request. */
async function forgetAnswers(): Promise<void> {
  await query(`update idempotency_record set state = 'running', lease_until = null, status = null, headers = null,
    answer = null, granted = null`);
}

/** What root is refused in the walk: nothing is remembered of it. */
const REFUSED = [
  'POST /api/v1/replication/accept-restored-database',
  'POST /api/v1/changes/:id/cancel',
  'POST /api/v1/changes/:id/retry',
  'POST /api/v1/approvals/:id/votes',
  'POST /api/v1/approvals/:id/review',
  'POST /api/v1/approval-delegations',
  'POST /api/v1/report-schedules',
  'POST /api/v1/secrets/:id/drift/adopt',
  'POST /api/v1/secrets/:id/drift/overwrite',
  'POST /api/v1/webhooks/:name/deliveries/:id/replay',
];
const posts = Object.entries(ENDPOINT_CALLS).filter(([name]) => name.startsWith('POST ') && !name.includes('/login/'));
const executed = posts.filter(([name]) => !REFUSED.includes(name));

describe('a POST that is sent again with its key', () => {
  it.each(executed)('%s is executed once, and answered alike by each process', async (_, prepare) => {
    const call = await prepare({ stage, source, target });
    const client = new KeyedClient(stage.api, newKey());
    const first = await call(client);
    expect({ isDone: first.status < 300, code: first.body?.code, isReplayed: isReplayed(first) }).toEqual({
      isDone: true,
      isReplayed: false,
    });
    const after = await effects();
    const again = await other().raw(client.sent!);
    expect(again).toMatchObject({ status: first.status, text: first.text, etag: first.etag });
    for (const name of ['location', 'content-type']) expect(again.headers.get(name)).toBe(first.headers.get(name));
    expect(isReplayed(again)).toBe(true);
    const changed = await other().raw({ ...client.sent!, body: `${client.sent!.body as string} ` });
    expect(changed).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    const elsewhere = await other().raw({ ...client.sent!, path: '/api/v1/secrets', body: '{"name":"x"}' });
    expect([400, 422]).toContain(elsewhere.status);
    expect(await effects()).toEqual(after);
    const made = await query(
      `select 1 from change where idempotency_id is not null and created_at >= now() - interval '1 hour'
       and idempotency_id = (select id from idempotency_record order by created_at desc limit 1)`,
    );
    if (made.length === 0) return;
    await forgetAnswers();
    const found = await other().raw(client.sent!);
    expect({ status: found.status, body: settled(found) }).toEqual({ status: first.status, body: settled(first) });
    expect({ etag: found.etag, location: found.headers.get('location') }).toEqual({
      etag: first.etag,
      location: first.headers.get('location'),
    });
    expect(isReplayed(found)).toBe(true);
    expect(await effects()).toEqual(after);
  });

  it.each(posts.filter(([name]) => REFUSED.includes(name)))('%s is judged anew after a refusal', async (_, prepare) => {
    const call = await prepare({ stage, source, target });
    const client = new KeyedClient(stage.api, newKey());
    const first = await call(client);
    expect(first.status).toBeGreaterThanOrEqual(400);
    const again = await other().raw(client.sent!);
    expect({ code: again.body.code, isReplayed: isReplayed(again) }).toEqual({
      code: first.body.code,
      isReplayed: false,
    });
  });

  it('makes a change of every kind that a POST makes', async () => {
    const rows = await query<{ kind: string }>(`select distinct kind from change where idempotency_id is not null`);
    expect(rows.map(({ kind }) => kind).sort()).toEqual([
      'compliance-profile.create',
      'compliance.waive',
      'secret.content',
      'secret.content.read',
      'secret.create',
      'secret.disable',
      'secret.enable',
      'secret.sync-profile.add',
      'secret.version.destroy',
      'secret.version.undelete',
    ]);
  });
});

describe('an idempotency key', () => {
  const users = (name: string): Promise<unknown[]> => query('select 1 from principal where name = $1', [name]);
  const newSecret = (): object => ({
    name: unique('new'),
    type: 'key-value',
    content: { value: 'canary' },
    sourceProfile: 'source',
  });

  it('lets one of many at a time execute, in whichever process', async () => {
    const body = newSecret();
    const options = keyed(newKey());
    const asked = Array.from({ length: 12 }, (_, i) => stage.app.apis[i % 2]!.post('/secrets', body, options));
    const answers = await Promise.all(asked);
    const fresh = answers.filter((answer) => answer.status === 201 && !isReplayed(answer));
    expect(fresh).toHaveLength(1);
    for (const answer of answers)
      if (!isReplayed(answer) && answer !== fresh[0]) {
        expect(answer).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_IN_PROGRESS', retryable: true } });
        expect(answer.headers.get('retry-after')).toBe('1');
      }
    expect(await other().post('/secrets', body, options)).toMatchObject({ status: 201, text: fresh[0]!.text });
  });

  it('belongs to one identity', async () => {
    const key = newKey();
    const name = unique('mine');
    expect(await stage.api.post('/policies', { name, policy: '{"path":{}}' }, keyed(key))).toMatchObject({
      status: 201,
    });
    const stranger = await stage.allowed({ 'claviger/policies/*': ['create'] });
    const theirs = await stranger.post('/policies', { name: unique('theirs'), policy: '{"path":{}}' }, keyed(key));
    expect({ status: theirs.status, isReplayed: isReplayed(theirs) }).toEqual({ status: 201, isReplayed: false });
  });

  it('is free again after a refusal, for another body too', async () => {
    const options = keyed(newKey());
    const taken = { name: unique('taken') };
    expect(await stage.api.post('/users', taken)).toMatchObject({ status: 201 });
    expect(await stage.api.post('/users', taken, options)).toMatchObject({ status: 409 });
    expect(await stage.api.post('/users', { name: unique('free') }, options)).toMatchObject({ status: 201 });
  });

  it.each(['', 'two words', 'umläut', 'x'.repeat(256)])('is refused as %p', async (key) => {
    const name = unique('nobody');
    const answer = await stage.api.post('/users', { name }, keyed(key));
    expect(answer).toMatchObject({ status: 400, body: { code: 'IDEMPOTENCY_KEY_INVALID' } });
    expect(await users(name)).toEqual([]);
  });

  it('is not taken by a log-in', async () => {
    const person = { name: unique('ada'), password: 'correct horse battery staple' };
    await stage.register('users', person);
    const logIn = (): Promise<ApiAnswer> => stage.api.as(undefined).post('/login/password', person, keyed('same'));
    const [one, two] = [await logIn(), await logIn()];
    expect([one.status, two.status]).toEqual([200, 200]);
    expect(one.body.token).not.toBe(two.body.token);
  });

  it('tells a secret to the token that asked, and to no other of the same identity', async () => {
    const parent = (await stage.api.post('/tokens', { isOrphan: true, policies: ['root'] })).body.token as string;
    const asParent = stage.api.as(parent);
    const child = (await asParent.post('/tokens', {})).body.token as string;
    const options = keyed(newKey());
    const made = await asParent.post('/tokens', { ttlSeconds: 60 }, options);
    expect(await asParent.post('/tokens', { ttlSeconds: 60 }, options)).toMatchObject({ text: made.text });
    const { items } = (await stage.api.get('/audit-entries?limit=20')).body;
    expect(items.map(({ action }: JsonBody) => action)).toContain('idempotency.replay');
    const withheld = await stage.api.as(child).post('/tokens', { ttlSeconds: 60 }, options);
    expect(withheld).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_ANSWER_WITHHELD' } });
    expect(withheld.text).not.toContain(made.body.token);
  });

  it('tells nothing to one who was revoked, or who may not do it any more', async () => {
    const name = unique('policy');
    const grants = (path: object): string => JSON.stringify({ path });
    const policy = grants({ 'claviger/users/*': { capabilities: ['create'] } });
    await stage.register('policies', { name, policy });
    const { body } = await stage.api.post('/tokens', { policies: [name], isOrphan: true });
    const client = other().as(body.token as string);
    const request = [`/users`, { name: unique('made') }, keyed(newKey())] as const;
    expect(await client.post(...request)).toMatchObject({ status: 201 });
    expect(isReplayed(await client.post(...request))).toBe(true);
    await stage.api.put(`/policies/${name}`, { policy: grants({}) }, { ifMatch: '*' });
    await eventually(async () =>
      expect(await client.post(...request)).toMatchObject({ status: 403, body: { code: 'ACCESS_DENIED' } }),
    );
    await stage.api.put(`/policies/${name}`, { policy }, { ifMatch: '*' });
    await eventually(async () => expect(isReplayed(await client.post(...request))).toBe(true));
    await stage.api.delete(`/tokens/${body.details.accessor}`);
    await eventually(async () => expect(await client.post(...request)).toMatchObject({ status: 401 }));
  });

  it('of a lost answer says nothing to one who may not do it any more, and keeps what was done', async () => {
    const name = unique('policy');
    const path = {
      'claviger/secrets/source/*': { capabilities: ['create'] },
      'source/data/*': { capabilities: ['create'] },
    };
    await stage.register('policies', { name, policy: JSON.stringify({ path }) });
    const { token } = (await stage.api.post('/tokens', { policies: [name], isOrphan: true })).body;
    const client = other().as(token as string);
    const request = ['/secrets', newSecret(), keyed(newKey())] as const;
    const first = await client.post(...request);
    expect(first).toMatchObject({ status: 201 });
    await forgetAnswers();
    await stage.api.put(`/policies/${name}`, { policy: '{"path":{}}' }, { ifMatch: '*' });
    await eventually(async () => expect(await client.post(...request)).toMatchObject({ status: 403 }));
    await stage.api.put(`/policies/${name}`, { policy: JSON.stringify({ path }) }, { ifMatch: '*' });
    await eventually(async () =>
      expect(await client.post(...request)).toMatchObject({ status: 201, body: { change: first.body.change } }),
    );
  });

  it('of a lost answer finds the rotation of a secret that a PUT writes the short way', async () => {
    const { id } = await stage.secret({ source, content: { value: 'one' } });
    await stage.write(id, { value: 'two' });
    const request = [`/secrets/${id}/rotate`, { generate: { field: 'value' } }, keyed(newKey())] as const;
    expect(await stage.api.post(...request)).toMatchObject({ status: 200, etag: '3' });
    await forgetAnswers();
    const found = await other().post(...request);
    expect(found).toMatchObject({ status: 200, etag: '3', body: { version: 3 } });
    expect((await stage.show(id)).currentVersion).toBe(3);
  });

  it('is forgotten after a day, and what was kept is removed', async () => {
    const request = [`/secrets`, newSecret(), keyed(newKey())] as const;
    const first = await stage.api.post(...request);
    await query(`update idempotency_record set expires_at = now() - interval '1 second'`);
    expect(await stage.api.post(...request)).toMatchObject({ status: 409, body: { code: 'SECRET_EXISTS' } });
    await stage.api.delete(`/secrets/${first.body.secret.id}`, { ifMatch: '*' });
    expect(await stage.api.post(...request)).toMatchObject({ status: 201 });
    await query(`update idempotency_record set expires_at = now() - interval '1 second'`);
    stage.app.runJob(REMOVE_EXPIRED_ANSWERS);
    await eventually(async () => expect(await query('select 1 from idempotency_record')).toEqual([]));
  });

  it('and its answer lie nowhere in clear', async () => {
    const key = `plain-key-${unique('canary')}`;
    const { body } = await stage.api.post('/tokens', { displayName: 'hidden', ttlSeconds: 60 }, keyed(key));
    await stage.api.post('/tokens', { displayName: 'else', ttlSeconds: 60 }, keyed(key));
    const tables = await query<{ name: string }>(
      `select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
    );
    const logs = stage.app.logs.text();
    for (const canary of [key, body.token as string]) {
      const hex = Buffer.from(canary).toString('hex');
      for (const { name } of tables)
        expect({
          name,
          rows: await query(`select 1 from ${name} t where t::text like $1 or t::text like $2`, [
            `%${canary}%`,
            `%${hex}%`,
          ]),
        }).toEqual({ name, rows: [] });
      expect(logs).not.toContain(canary);
    }
  });
});
