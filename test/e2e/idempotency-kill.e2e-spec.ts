import { IDEMPOTENCY_FAULT_POINTS, type FaultPoint } from '@claviger/kernel';
import { eventually, startOpenBao, type ApiAnswer, type ApiClient, type OpenBaoPeer } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { MortalProgram, must } from './mortal-program.js';
import { hasOpenBao, unique } from './stage.js';
import { KvMount } from './vault-mounts.js';

const WITHIN_MS = 30_000;

jest.setTimeout(120_000);

const claviger = new MortalProgram();

type Request = { readonly path: string; readonly body: object; readonly key: string };
const send = (api: ApiClient, { path, body, key }: Request): Promise<ApiAnswer> =>
  api.post(path, body, { headers: { 'idempotency-key': key } });
const isReplayed = ({ headers }: ApiAnswer): boolean => headers.get('idempotency-replayed') === 'true';

/** Has the program killed while it serves a request, and returns a client of the next one. */
async function lose(point: FaultPoint, request: Request): Promise<ApiClient> {
  await claviger.dieAt(point, (api) => send(api, request));
  return claviger.api();
}

beforeAll(async () => {
  const api = await claviger.api();
  await must(api.post('/vault-instances', { name: 'inside', kind: 'builtin' }));
  await must(api.post('/vault-profiles', { name: 'prod', instance: 'inside', mount: 'prod' }));
});
afterAll(() => claviger.remove());

const secret = (sourceProfile: string): Request => {
  const body = { name: unique('secret'), type: 'key-value', content: { value: 'one' }, sourceProfile };
  return { path: '/secrets', body, key: unique('key') };
};

describe('kill -9 while a request with an idempotency key is served', () => {
  /** Those of a change: what is recorded with its answer has one more. */
  const OF_A_CHANGE = ['idempotency.claimed', 'idempotency.executed', 'idempotency.recorded'] as const;

  it.each(OF_A_CHANGE)('%s, the repetition makes the secret or finds it', async (point) => {
    const request = secret('prod');
    const api = await lose(point, request);
    const again = await send(api, request);
    expect({ status: again.status, isReplayed: isReplayed(again) }).toEqual({
      status: 201,
      isReplayed: point !== 'idempotency.claimed',
    });
    const { id } = again.body.secret;
    const { items } = await must(api.get(`/changes?secret=${id}`));
    expect(items).toMatchObject([{ id: again.body.change.id, state: 'done' }]);
    expect(again.headers.get('location')).toBe(`/api/v1/secrets/${id}`);
    expect(await send(api, request)).toMatchObject({ status: 201, text: again.text });
  });

  it('idempotency.executed, the repetition of a rotation makes no second version', async () => {
    const { secret: made } = await must(send(await claviger.api(), secret('prod')));
    const body = { generate: { field: 'value' } };
    const request = { path: `/secrets/${made.id}/rotate`, body, key: unique('key') };
    const api = await lose('idempotency.executed', request);
    expect(await send(api, request)).toMatchObject({ status: 200, etag: '2', body: { version: 2 } });
    expect((await must(api.get(`/secrets/${made.id}`))).currentVersion).toBe(2);
  });

  it.each(IDEMPOTENCY_FAULT_POINTS)('%s, the repetition makes the token or tells it again', async (point) => {
    const request = { path: '/tokens', body: { displayName: unique('token'), ttlSeconds: 600 }, key: unique('key') };
    const api = await lose(point, request);
    const again = await send(api, request);
    expect({ status: again.status, isReplayed: isReplayed(again) }).toEqual({
      status: 201,
      isReplayed: point === 'idempotency.recorded',
    });
    expect(await api.as(again.body.token as string).get('/whoami')).toMatchObject({ status: 200 });
    const named = (await api.all('/tokens')).filter(({ displayName }) => displayName === request.body.displayName);
    expect(named).toHaveLength(1);
  });

  it('visits every point there is', () => {
    expect(claviger.reached()).toEqual(expect.arrayContaining([...IDEMPOTENCY_FAULT_POINTS]));
  });
});

(hasOpenBao ? describe : describe.skip)('kill -9 while such a request is executed at a vault', () => {
  let bao: OpenBaoPeer;
  let mount: KvMount;

  beforeAll(async () => {
    bao = await startOpenBao();
    mount = await KvMount.make(bao, 'kv', 'kv2');
    const api = await claviger.api();
    const credentials = { type: 'token', token: bao.rootToken };
    await must(
      api.post('/vault-instances', { name: 'bao', kind: 'kv', config: { address: bao.address }, credentials }),
    );
    await must(api.post('/vault-profiles', { name: 'kv', instance: 'bao', mount: 'kv' }));
  });
  afterAll(() => bao?.close());

  it.each(['change.begun', 'change.acted', 'change.completing', 'change.completed'] as const)(
    '%s, the repetition follows the change until it has its result',
    async (point) => {
      const request = secret('kv');
      const api = await lose(point, request);
      const ids = new Set<string>();
      await eventually(async () => {
        const again = await send(api, request);
        expect([201, 202]).toContain(again.status);
        ids.add(again.body.change.id as string);
        expect(again.status).toBe(201);
      }, WITHIN_MS);
      expect(ids.size).toBe(1);
      expect(await mount.countVersions((request.body as { name: string }).name)).toBe(1);
    },
  );
});
