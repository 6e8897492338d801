import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IDEMPOTENCY_FAULT_POINTS, type FaultPoint } from '@claviger/kernel';
import {
  ApiClient,
  eventually,
  startOpenBao,
  type ApiAnswer,
  type JsonBody,
  type OpenBaoPeer,
} from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { hasOpenBao, unique } from './stage.js';
import { ProgramYard, repository, type StartedProgram } from './started-program.js';
import { KvMount } from './vault-mounts.js';

const WITH_FAULTS = join(repository, 'test/setup/standalone-with-faults.mjs');
const WITHIN_MS = 30_000;

jest.setTimeout(120_000);

const yard = new ProgramYard();
let dataDir: string;

async function start(fault?: FaultPoint): Promise<{ program: StartedProgram; api: ApiClient }> {
  const log = join(yard.root, 'fault-points');
  const env = { CLAVIGER_TEST_FAULT_LOG: log, ...(fault ? { CLAVIGER_TEST_FAULT: fault } : {}) };
  const program = yard.start(dataDir, { command: [process.execPath, WITH_FAULTS], env });
  return { program, api: new ApiClient(await program.ready(), program.rootToken) };
}

async function must(answer: Promise<ApiAnswer>): Promise<JsonBody> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body;
}

type Request = { readonly path: string; readonly body: object; readonly key: string };
const send = (api: ApiClient, { path, body, key }: Request): Promise<ApiAnswer> =>
  api.post(path, body, { headers: { 'idempotency-key': key } });
const isReplayed = ({ headers }: ApiAnswer): boolean => headers.get('idempotency-replayed') === 'true';

/** Has the program killed while it serves a request, and starts the next one. */
async function lose(point: FaultPoint, request: Request): Promise<{ program: StartedProgram; api: ApiClient }> {
  const doomed = await start(point);
  await Promise.race([send(doomed.api, request).catch(() => undefined), doomed.program.exit()]);
  expect(await doomed.program.exit()).toBe('SIGKILL');
  return start();
}

beforeAll(async () => {
  dataDir = yard.newDataDir();
  const { program, api } = await start();
  await must(api.post('/vault-instances', { name: 'inside', kind: 'builtin' }));
  await must(api.post('/vault-profiles', { name: 'prod', instance: 'inside', mount: 'prod' }));
  await program.end('SIGTERM');
});
afterAll(async () => {
  await yard.stopAll();
  yard.remove();
});

const secret = (sourceProfile: string): Request => {
  const body = { name: unique('secret'), type: 'key-value', content: { value: 'one' }, sourceProfile };
  return { path: '/secrets', body, key: unique('key') };
};

describe('kill -9 while a request with an idempotency key is served', () => {
  /** Those of a change: what is recorded with its answer has one more. */
  const OF_A_CHANGE = ['idempotency.claimed', 'idempotency.executed', 'idempotency.recorded'] as const;

  it.each(OF_A_CHANGE)('%s, the repetition makes the secret or finds it', async (point) => {
    const request = secret('prod');
    const { program, api } = await lose(point, request);
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
    await program.end('SIGTERM');
  });

  it('idempotency.executed, the repetition of a rotation makes no second version', async () => {
    const { program: first, api: before } = await start();
    const { secret: made } = await must(send(before, secret('prod')));
    await first.end('SIGTERM');
    const body = { generate: { field: 'value' } };
    const request = { path: `/secrets/${made.id}/rotate`, body, key: unique('key') };
    const { program, api } = await lose('idempotency.executed', request);
    expect(await send(api, request)).toMatchObject({ status: 200, etag: '2', body: { version: 2 } });
    expect((await must(api.get(`/secrets/${made.id}`))).currentVersion).toBe(2);
    await program.end('SIGTERM');
  });

  it.each(IDEMPOTENCY_FAULT_POINTS)('%s, the repetition makes the token or tells it again', async (point) => {
    const request = { path: '/tokens', body: { displayName: unique('token'), ttlSeconds: 600 }, key: unique('key') };
    const { program, api } = await lose(point, request);
    const again = await send(api, request);
    expect({ status: again.status, isReplayed: isReplayed(again) }).toEqual({
      status: 201,
      isReplayed: point === 'idempotency.recorded',
    });
    expect(await api.as(again.body.token as string).get('/whoami')).toMatchObject({ status: 200 });
    const named = (await api.all('/tokens')).filter(({ displayName }) => displayName === request.body.displayName);
    expect(named).toHaveLength(1);
    await program.end('SIGTERM');
  });

  it('visits every point there is', () => {
    const reached = new Set(readFileSync(join(yard.root, 'fault-points'), 'utf8').trim().split('\n'));
    expect([...reached]).toEqual(expect.arrayContaining([...IDEMPOTENCY_FAULT_POINTS]));
  });
});

(hasOpenBao ? describe : describe.skip)('kill -9 while such a request is executed at a vault', () => {
  let bao: OpenBaoPeer;
  let mount: KvMount;

  beforeAll(async () => {
    bao = await startOpenBao();
    mount = await KvMount.make(bao, 'kv', 'kv2');
    const { program, api } = await start();
    const credentials = { type: 'token', token: bao.rootToken };
    await must(
      api.post('/vault-instances', { name: 'bao', kind: 'kv', config: { address: bao.address }, credentials }),
    );
    await must(api.post('/vault-profiles', { name: 'kv', instance: 'bao', mount: 'kv' }));
    await program.end('SIGTERM');
  });
  afterAll(() => bao?.close());

  it.each(['change.begun', 'change.acted', 'change.completing', 'change.completed'] as const)(
    '%s, the repetition follows the change until it has its result',
    async (point) => {
      const request = secret('kv');
      const { program, api } = await lose(point, request);
      const ids = new Set<string>();
      await eventually(async () => {
        const again = await send(api, request);
        expect([201, 202]).toContain(again.status);
        ids.add(again.body.change.id as string);
        expect(again.status).toBe(201);
      }, WITHIN_MS);
      expect(ids.size).toBe(1);
      expect(await mount.countVersions((request.body as { name: string }).name)).toBe(1);
      await program.end('SIGTERM');
    },
  );
});
