import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  eventually,
  findRedisServer,
  startOpenBao,
  startRedis,
  type ApiClient,
  type JsonBody,
  type OpenBaoPeer,
  type RedisPeer,
} from '@claviger/testing';
import { Redis } from 'ioredis';
import { startCluster, type TestApp } from '../../libs/testing/src/app-harness.js';
import { hasOpenBao } from './stage.js';
import { KvMount } from './vault-mounts.js';

jest.setTimeout(240_000);

const SECRETS = 40;
const ROUNDS = 5;

const describeWithPeers = hasOpenBao && findRedisServer() ? describe : describe.skip;

describeWithPeers('two apis and a worker with their queue in Redis', () => {
  let redis: RedisPeer;
  let bao: OpenBaoPeer;
  let app: TestApp;
  let source: KvMount;
  let copy: KvMount;
  let ids: Map<string, string>;

  beforeAll(async () => {
    [redis, bao] = await Promise.all([startRedis(), startOpenBao()]);
    [source, copy] = await Promise.all([KvMount.make(bao, 'source', 'kv2'), KvMount.make(bao, 'copy', 'kv1')]);
    app = await startCluster({ env: { CLAVIGER_REDIS_URL: redis.url } });
    const credentials = { type: 'token', token: bao.rootToken };
    await must(
      app.api.post('/vault-instances', { name: 'bao', kind: 'kv', config: { address: bao.address }, credentials }),
    );
    for (const mount of ['source', 'copy'])
      await must(app.api.post('/vault-profiles', { name: mount, instance: 'bao', mount }));
    const names = Array.from({ length: SECRETS }, (_, i) => `app/${i}`);
    ids = new Map(await Promise.all(names.map(async (name) => [name, await create(name)] as const)));
  });
  afterAll(async () => {
    await app.close();
    await Promise.all([redis.stop(), bao.close()]);
  });

  const must = async (answer: ReturnType<ApiClient['get']>): Promise<JsonBody> => {
    const { status, body } = await answer;
    if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body;
  };

  const create = async (name: string): Promise<string> => {
    const content = { value: '0' };
    const body = { name, type: 'key-value', content, sourceProfile: 'source', syncProfiles: ['copy'] };
    return (await must(app.api.post('/secrets', body))).secret.id as string;
  };

  /** Updates every secret a few times through both apis, while `disturb` does its worst. */
  async function expectNothingLost(first: number, disturb: () => Promise<unknown>): Promise<void> {
    const rounds = Array.from({ length: ROUNDS }, (_, i) => first + i);
    let isOver = false;
    const disturbing = (async () => {
      while (!isOver) await disturb();
    })();
    for (const round of rounds)
      await Promise.all(
        [...ids.values()].map((id, i) =>
          must(app.apis[i % 2]!.put(`/secrets/${id}/content`, { content: { value: String(round) } }, { ifMatch: '*' })),
        ),
      );
    isOver = true;
    await disturbing;
    const last = { value: String(rounds.at(-1)) };
    for (const [name, id] of ids) {
      await eventually(async () => {
        const { items } = await must(app.api.get(`/secrets/${id}/targets`));
        expect(items[0]).toMatchObject({ status: 'in_sync' });
        expect(await source.read(name)).toEqual(last);
        expect(await copy.read(name)).toEqual(last);
      }, 90_000);
    }
  }

  it('lose nothing when Redis is emptied again and again in the middle of work', async () => {
    const vandal = new Redis(redis.url);
    await expectNothingLost(1, () => vandal.flushall());
    vandal.disconnect();
  });

  it('lose nothing when Redis dies in the middle of work and comes back empty', async () => {
    let disturbed: Promise<void> | undefined;
    await expectNothingLost(100, async () => {
      disturbed ??= (async () => {
        await redis.stop('SIGKILL');
        redis = await startRedis(Number(new URL(redis.url).port));
      })();
      await disturbed;
      await new Promise(setImmediate);
    });
  });
});
