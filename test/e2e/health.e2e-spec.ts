import { eventually } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { startApp, type TestApp } from '../../libs/testing/src/app-harness.js';

type Health = { readonly status: number; readonly body: { status: string; checks?: Record<string, unknown>[] } };

describe('health', () => {
  let app: TestApp;
  let admin: Client;
  let databaseName: string;

  beforeAll(async () => {
    app = await startApp();
    admin = new Client({ connectionString: process.env['CLAVIGER_TEST_DATABASE_URL'] });
    await admin.connect();
    databaseName = new URL(app.database.url).pathname.slice(1);
  });
  afterAll(async () => {
    await allowConnections(true);
    await admin.end();
    await app.close();
  });

  const ask = async (path: string): Promise<Health> => {
    const response = await fetch(`${app.api.url}${path}`);
    return { status: response.status, body: (await response.json()) as Health['body'] };
  };
  const allowConnections = async (areAllowed: boolean): Promise<void> => {
    await admin.query(`alter database ${databaseName} with allow_connections ${areAllowed}`);
    if (!areAllowed)
      await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [databaseName]);
  };

  it('is told to anybody, with the checks by name on request', async () => {
    expect(await ask('/livez')).toEqual({ status: 200, body: { status: 'ok' } });
    expect(await ask('/readyz')).toEqual({ status: 200, body: { status: 'ok' } });
    const { body } = await ask('/readyz?verbose');
    expect(body.checks).toMatchObject([
      { name: 'database', isHealthy: true, isOptional: false },
      { name: 'queue', isHealthy: true, isOptional: true },
    ]);
  });

  it('is lost with the database, and comes back with it', async () => {
    await allowConnections(false);
    await eventually(async () => {
      const { status, body } = await ask('/readyz?verbose');
      expect({ status, said: body.status }).toEqual({ status: 503, said: 'failing' });
      expect(body.checks).toContainEqual(expect.objectContaining({ name: 'database', isHealthy: false }));
    });
    expect((await ask('/livez')).status).toBe(200);
    expect((await app.api.get('/secrets')).status).toBe(503);
    await allowConnections(true);
    await eventually(async () => expect((await ask('/readyz')).status).toBe(200));
    await eventually(async () => expect((await app.api.get('/secrets')).status).toBe(200));
  });
});
