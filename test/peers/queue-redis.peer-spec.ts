import { everyMs } from '@claviger/platform/queue';
import { findRedisServer, startRedis } from '@claviger/testing';
import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { QueueApp, SWEEP } from './queue-app.js';
import { describeQueue } from './queue-cases.js';
import type { QueuePlace } from './queue-scene.js';

const openRedis = async (): Promise<QueuePlace> => {
  let redis = await startRedis();
  const client = new Redis(redis.url);
  client.on('error', () => undefined);
  const clients = async (): Promise<string[]> =>
    String(await client.call('CLIENT', 'LIST'))
      .split('\n')
      .filter((line) => line.includes('addr=') && !line.includes('cmd=client'));
  return {
    options: { redisUrl: redis.url, databaseUrl: 'postgres://nowhere.invalid/none', clientName: 'claviger-test' },
    dump: async () => JSON.stringify(await Promise.all((await client.keys('*')).map((key) => read(client, key)))),
    empty: async () => void (await client.flushall()),
    disconnect: async () => void (await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')),
    takeAway: async () => {
      await redis.stop('SIGKILL');
      return async () => {
        redis = await startRedis(Number(new URL(redis.url).port));
      };
    },
    countConnections: async () => (await clients()).length,
    stop: async () => {
      client.disconnect();
      await redis.stop();
    },
  };
};

async function read(client: Redis, key: string): Promise<unknown> {
  const readers: Record<string, () => Promise<unknown>> = {
    string: () => client.get(key),
    hash: () => client.hgetall(key),
    list: () => client.lrange(key, 0, -1),
    set: () => client.smembers(key),
    zset: () => client.zrange(key, '0', '-1'),
    stream: () => client.xrange(key, '-', '+'),
  };
  return [key, await readers[await client.type(key)]?.()];
}

(findRedisServer() ? describe : describe.skip)('the queue on Redis', () => describeQueue(openRedis));

(findRedisServer() ? describe : describe.skip)('a worker that never reached Redis', () => {
  it('stops nevertheless', async () => {
    const redis = await startRedis();
    await redis.stop();
    const queue = { redisUrl: redis.url, databaseUrl: 'postgres://nowhere.invalid/none', clientName: 'claviger-test' };
    const app = await QueueApp.start({ queue, drainMs: 50, schedules: [everyMs(60_000, SWEEP, {})] });
    app.jobs.enqueue(SWEEP, {});
    expect((await app.health.report()).checks).toEqual([expect.objectContaining({ name: 'queue', isHealthy: false })]);
    await app.close();
    expect(app.logs.text()).not.toContain('nowhere.invalid');
  }, 20_000);
});
