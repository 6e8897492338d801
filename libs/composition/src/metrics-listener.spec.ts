import { captureLogs, FakeClock } from '@claviger/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MetricRegistry } from '@claviger/platform/metrics';
import { HealthRegistry } from '@claviger/platform/telemetry';
import { MetricsListener } from './metrics-listener.js';

describe('MetricsListener', () => {
  const open: MetricsListener[] = [];
  afterEach(async () => {
    for (const listener of open.splice(0)) await listener.close();
  });

  const start = async (metrics = new MetricRegistry()) => {
    const logs = captureLogs();
    const health = new HealthRegistry(new FakeClock());
    const listener = new MetricsListener({ health, logger: logs.logger, metrics });
    open.push(listener);
    const port = await listener.listen({ host: '127.0.0.1', port: 0 });
    return {
      health,
      logs,
      port,
      get: (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init),
    };
  };

  it('tells the metrics in the format of Prometheus', async () => {
    const metrics = new MetricRegistry();
    metrics.counter({ name: 'fires_total', help: 'Fires.' });
    const { get } = await start(metrics);
    const answer = await get('/metrics?x=1');
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toContain('fires_total 0\n');
  });

  it('tells whether the process lives, and whether it is of use', async () => {
    const { get, health } = await start();
    expect([(await get('/livez')).status, (await get('/readyz')).status]).toEqual([200, 200]);
    health.register({ name: 'database', check: () => Promise.reject(new Error('gone')) });
    expect([(await get('/livez')).status, (await get('/readyz')).status]).toEqual([200, 503]);
  });

  it('does nothing else', async () => {
    const { get } = await start();
    expect([(await get('/')).status, (await get('/metrics', { method: 'POST' })).status]).toEqual([404, 405]);
  });

  it('goes on when its metrics cannot be told, and does not say why', async () => {
    const metrics = new MetricRegistry();
    metrics.beforeTelling(() => Promise.reject(new Error('canary')));
    const { get, logs } = await start(metrics);
    const answer = await get('/metrics');
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('canary');
    expect(logs.lines('metrics.failed')).toHaveLength(1);
    expect((await get('/livez')).status).toBe(200);
  });

  it('says which setting to change when its address is taken', async () => {
    const { port } = await start();
    const second = new MetricsListener({ health: new HealthRegistry(new FakeClock()), logger: captureLogs().logger });
    await expect(second.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'METRICS_ADDRESS_UNUSABLE',
      message: expect.stringContaining('CLAVIGER_METRICS_PORT'),
    });
  });
});
