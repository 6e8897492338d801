import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrateAll } from '@claviger/composition';
import { loadConfig } from '@claviger/platform/config';
import { RootKey } from '@claviger/platform/crypto';
import {
  captureLogs,
  eventually,
  findRedisServer,
  issueCertificate,
  startNetworkPostgres,
  startRedis,
  type NetworkPostgresPeer,
  type RedisPeer,
} from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'pg';
import { startServices } from '../../apps/standalone/src/start-services.js';
import { openQueueConnection } from '../../libs/platform/src/queue/queue-connection.js';

jest.setTimeout(60_000);

const authority = issueCertificate('authority');
const stranger = issueCertificate('stranger');
const own = issueCertificate('localhost', authority);
const directory = mkdtempSync(join(tmpdir(), 'claviger-over-tls-'));
const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};

let postgres: NetworkPostgresPeer;
let redis: RedisPeer | undefined;
let env: Record<string, string>;
beforeAll(async () => {
  postgres = await startNetworkPostgres({ authority });
  if (findRedisServer()) redis = await startRedis(undefined, issueCertificate('127.0.0.1', authority));
  const ca = file('ca.pem', authority.cert);
  env = {
    CLAVIGER_PORT: '0',
    CLAVIGER_DATA_DIR: directory,
    CLAVIGER_ROOT_KEY: RootKey.generateText().reveal(),
    CLAVIGER_DATABASE_URL: postgres.url,
    CLAVIGER_DATABASE_CA_CERTIFICATES: ca,
    CLAVIGER_TLS_CERT_FILE: file('cert.pem', own.cert),
    CLAVIGER_TLS_KEY_FILE: file('key.pem', own.key),
    ...(redis && { CLAVIGER_REDIS_URL: redis.url, CLAVIGER_REDIS_CA_CERTIFICATES: ca }),
  };
});
afterAll(async () => {
  await redis?.stop();
  await postgres?.stop();
  rmSync(directory, { recursive: true, force: true });
});

function get(url: string): Promise<{ readonly status: number | undefined; readonly body: string }> {
  return new Promise((resolve, reject) => {
    request(url, { ca: authority.cert, servername: 'localhost' }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => (body += text));
      answer.once('end', () => resolve({ status: answer.statusCode, body }));
    })
      .once('error', reject)
      .end();
  });
}

describe('over TLS', () => {
  it('Claviger listens, and reaches its PostgreSQL and its Redis', async () => {
    const config = loadConfig(env);
    // With the tables of a queue in PostgreSQL, too: that is a connection of its own.
    await migrateAll(config.storage.databaseUrl!, undefined);
    const { logger, lines } = captureLogs();
    const services = await startServices(config, { isAlone: false, logger });
    try {
      expect(services.url).toMatch(/^https:/);
      await eventually(async () => {
        const { status, body } = await get(`${services.url}/readyz?verbose`);
        const checks = { database: { isHealthy: true }, queue: { isHealthy: true } };
        const found = (JSON.parse(body) as { checks: { name: string }[] }).checks.map((check) => [check.name, check]);
        expect({ status, ...Object.fromEntries(found) }).toMatchObject({ status: 200, ...checks });
      });
      await expect(fetch(services.url.replace('https:', 'http:'))).rejects.toThrow();
      const client = new Client({ connectionString: config.storage.databaseUrl! });
      await client.connect();
      const plain = await client.query(
        `select application_name from pg_stat_activity join pg_stat_ssl using (pid)
         where application_name like 'claviger%' and not ssl and client_addr is not null`,
      );
      const secure = await client.query(
        `select from pg_stat_activity join pg_stat_ssl using (pid) where application_name like 'claviger%' and ssl`,
      );
      await client.end();
      expect(plain.rows).toEqual([]);
      expect(secure.rowCount).toBeGreaterThan(0);
      expect(lines('queue.connection_failed')).toEqual([]);
    } finally {
      await services.close();
    }
  });

  it('does not take a server of another authority for its own', async () => {
    const other = file('stranger.pem', stranger.cert);
    const { databaseUrl } = loadConfig({ ...env, CLAVIGER_DATABASE_CA_CERTIFICATES: other }).storage;
    await expect(new Client({ connectionString: databaseUrl! }).connect()).rejects.toThrow(/certificate/);
    if (!redis) return;
    const { logger, lines } = captureLogs();
    const options = { redisUrl: redis.url, redisCa: stranger.cert, databaseUrl: postgres.url, clientName: 'test' };
    const queue = openQueueConnection(options, logger);
    await eventually(() => expect(lines('queue.connection_failed').length).toBeGreaterThan(0));
    await queue.close();
  });

  it('nor one whose certificate is for another name', async () => {
    const { databaseUrl } = loadConfig(env).storage;
    const elsewhere = new Client({ connectionString: databaseUrl!.replace(postgres.host, postgres.alias) });
    await expect(elsewhere.connect()).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });
});
