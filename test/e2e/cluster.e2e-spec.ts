import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  ApiClient,
  eventually,
  findRedisServer,
  startOpenBao,
  type ApiAnswer,
  type JsonBody,
  type OpenBaoPeer,
} from '@claviger/testing';
import { Balancer, ProcessCluster } from './process-cluster.js';
import { hasOpenBao } from './stage.js';
import { KvMount } from './vault-mounts.js';

jest.setTimeout(240_000);

const SECRETS_PER_SOURCE = 4;
/** Between two requests of one writer or reader: load, and processor time left for programs that start. */
const PAUSE_MS = 10;
/** What was being done in a vault by a process that died is taken over when its lease is out. */
const CONVERGES_WITHIN_MS = 120_000;

const describeWithPeers = hasOpenBao && findRedisServer() ? describe : describe.skip;

/** A secret with one writer: what was acknowledged, and what was sent and may be there too. */
type Written = { readonly id: string; readonly name: string; readonly source: string; sure: number; maybe: number };

describeWithPeers('two apis and two workers over PostgreSQL and Redis', () => {
  let cluster: ProcessCluster;
  let bao: OpenBaoPeer;
  let source: KvMount;
  let copy: KvMount;
  let secrets: Written[];

  beforeAll(async () => {
    [cluster, bao] = await Promise.all([ProcessCluster.start(), startOpenBao()]);
    [source, copy] = await Promise.all([KvMount.make(bao, 'source', 'kv2'), KvMount.make(bao, 'copy', 'kv1')]);
    const api = new ApiClient(cluster.apis[0]!.url, cluster.rootToken);
    const credentials = { type: 'token', token: bao.rootToken };
    await must(
      api.post('/vault-instances', { name: 'bao', kind: 'kv', config: { address: bao.address }, credentials }),
    );
    await must(api.post('/vault-instances', { name: 'own', kind: 'builtin' }));
    await must(api.post('/vault-profiles', { name: 'own', instance: 'own', mount: 'own' }));
    for (const mount of ['source', 'copy'])
      await must(api.post('/vault-profiles', { name: mount, instance: 'bao', mount }));
    const create = async (from: string, i: number): Promise<Written> => {
      const name = `${from}/${i}`;
      const content = { value: '0' };
      const body = { name, type: 'key-value', content, sourceProfile: from, syncProfiles: ['copy'] };
      const { secret } = await must(api.post('/secrets', body));
      return { id: secret.id as string, name, source: from, sure: 0, maybe: 0 };
    };
    const numbers = Array.from({ length: SECRETS_PER_SOURCE }, (_, i) => i);
    secrets = await Promise.all(['own', 'source'].flatMap((from) => numbers.map((i) => create(from, i))));
  });
  afterAll(async () => {
    await cluster?.stop();
    await bao?.close();
  });

  const must = async (answer: Promise<ApiAnswer>): Promise<JsonBody> => {
    const { status, body } = await answer;
    if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body;
  };

  /** Each secret is written and read again and again while `disturb` does its worst. Gives what went wrong, and how much went well. */
  async function underLoad(disturb: () => Promise<void>): Promise<{ answered: number; failed: string[] }> {
    const balancer = new Balancer(cluster.apis, cluster.rootToken);
    const failed: string[] = [];
    let answered = 0;
    let isOver = false;
    const send = async (request: (api: ApiClient) => Promise<ApiAnswer>): Promise<JsonBody> => {
      try {
        const { status, text, body } = await balancer.send(request);
        if (status === 200) {
          answered += 1;
          return body;
        }
        failed.push(`${status} ${text}`);
      } catch (error) {
        failed.push(`${(error as Error).message} ${String((error as Error).cause)}`);
      }
      return undefined;
    };
    const write = async (written: Written): Promise<void> => {
      const value = (written.maybe += 1);
      const body = { content: { value: String(value) } };
      if (await send((api) => api.put(`/secrets/${written.id}/content`, body, { ifMatch: '*' }))) written.sure = value;
    };
    const read = async (written: Written): Promise<void> => {
      const { sure } = written;
      const body = await send((api) => api.get(`/secrets/${written.id}/content`));
      if (!body) return;
      const value = Number(body.content.value);
      if (value < sure || value > written.maybe)
        throw new Error(`${written.name} was ${sure}, and is read as ${value}`);
    };
    const repeat = async (act: () => Promise<void>): Promise<void> => {
      while (!isOver) {
        await act();
        await sleep(PAUSE_MS);
      }
    };
    const work = Promise.all(secrets.flatMap((each) => [repeat(() => write(each)), repeat(() => read(each))]));
    try {
      await Promise.race([disturb(), work]);
    } finally {
      isOver = true;
    }
    await work;
    await balancer.stop();
    return { answered, failed };
  }

  /** Source and copy hold what was acknowledged, or something that was sent after it. */
  async function expectConverged(withinMs: number): Promise<void> {
    const api = new ApiClient(cluster.apis[0]!.url, cluster.rootToken);
    for (const { id, name, sure, maybe, source: from } of secrets) {
      await eventually(async () => {
        const { items } = await must(api.get(`/secrets/${id}/targets`));
        expect(items).toMatchObject([{ status: 'in_sync' }]);
        const { content } = await must(api.get(`/secrets/${id}/content`));
        expect(Number(content.value)).toBeGreaterThanOrEqual(sure);
        expect(Number(content.value)).toBeLessThanOrEqual(maybe);
        expect(await copy.read(name)).toEqual(content);
        if (from === 'source') expect(await source.read(name)).toEqual(content);
        expect((await must(api.get(`/changes?secret=${id}&state=executing`))).items).toEqual([]);
      }, withinMs);
    }
  }

  it('fail no request while one after the other is stopped and started again', async () => {
    const exits: unknown[] = [];
    const { answered, failed } = await underLoad(async () => {
      for (const each of [...cluster.apis, ...cluster.workers]) exits.push(await each.restart('SIGTERM'));
    });
    expect(failed).toEqual([]);
    expect(answered).toBeGreaterThan(100);
    expect(exits).toEqual([0, 0, 0, 0]);
    await expectConverged(CONVERGES_WITHIN_MS);
  });

  it('lose nothing when each is killed, Redis dies and comes back empty, and PostgreSQL is restarted', async () => {
    const [firstApi, secondApi] = cluster.apis;
    const [firstWorker, secondWorker] = cluster.workers;
    const { answered, failed } = await underLoad(async () => {
      await firstWorker!.restart('SIGKILL');
      await firstApi!.restart('SIGKILL');
      await cluster.killRedis();
      await cluster.database.restart();
      await secondApi!.restart('SIGKILL');
      await secondWorker!.restart('SIGKILL');
    });
    expect(answered).toBeGreaterThan(100);
    expect(failed.length).toBeGreaterThan(0);
    await expectConverged(CONVERGES_WITHIN_MS);
  });

  it('leave an audit log that verifies, against its anchors too', async () => {
    const verifier = await cluster.command('audit', 'verify');
    expect(verifier.stdout).toContain('INTACT');
    expect(verifier.stdout).toMatch(/Anchors: [1-9]\d* match/);
  });
});
