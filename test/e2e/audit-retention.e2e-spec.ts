import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AuditService, RETAIN_AUDIT } from '@claviger/features/audit';
import { RETAIN_CHANGES } from '@claviger/features/changes';
import { Keyring } from '@claviger/platform/crypto';
import { eventually, FakeClock, type JsonBody } from '@claviger/testing';
import { startApp, type TestApp } from '../../libs/testing/src/app-harness.js';
import { COMMANDS, ProgramYard } from './started-program.js';

jest.setTimeout(120_000);

const DAY_MS = 86_400_000;

describe('what is old enough', () => {
  const yard = new ProgramYard();
  const files = mkdtempSync(join(tmpdir(), 'claviger-exports-'));
  let app: TestApp;

  beforeAll(async () => {
    app = await startApp({
      env: { CLAVIGER_AUDIT_RETENTION_DAYS: '2', CLAVIGER_CHANGE_RETENTION_DAYS: '2', CLAVIGER_EXPORT_DIR: files },
    });
    // As it was written ten days ago.
    const past = new FakeClock(new Date(Date.now() - 10 * DAY_MS));
    const audit = new AuditService(app.database.database, app.nest.get(Keyring), past);
    const event = {
      action: 'secret.content.read',
      outcome: 'allowed',
      resource: { kind: 'secret', name: 'old' },
    } as const;
    await audit.commit(app.system, audit.entry(app.system, event));
  });
  afterAll(async () => {
    await app.close();
    yard.remove();
    rmSync(files, { recursive: true });
  });

  const listed = async (): Promise<JsonBody[]> => app.api.all('/audit-entries?resource=old');
  const verify = async (...more: readonly string[]): Promise<string> => {
    const command = [process.execPath, COMMANDS, 'audit', 'verify', ...more] as const;
    const env = {
      CLAVIGER_DATABASE_URL: app.database.url,
      CLAVIGER_ROOT_KEY: app.rootKey,
      CLAVIGER_AUDIT_ANCHOR_FILE: app.config.security.auditAnchorFile!,
    };
    const program = yard.start(app.config.storage.dataDir, { command, env });
    expect({ exit: await program.exit(), stdout: program.stdout }).toMatchObject({ exit: 0 });
    return program.stdout;
  };

  it('is exported and dropped by the worker, and verifies with its file and without', async () => {
    expect(await listed()).toHaveLength(1);
    await eventually(async () => {
      app.runJob(RETAIN_AUDIT);
      expect(await listed()).toEqual([]);
    });
    const [file] = readdirSync(files) as [string];
    expect(file).toMatch(/^audit-.*\.jsonl\.gz$/);
    expect(await verify()).toMatch(/INTACT[^]*were exported and dropped; .* were not found/);
    expect(await verify('--files', files)).toMatch(/INTACT[^]*their files are complete/);
    expect(await verify('--export', join(files, file))).toMatch(/INTACT/);
    const said: JsonBody[] = await app.api.all('/audit-entries?action=audit');
    expect(said.map(({ action }) => action as string)).toEqual(expect.arrayContaining(['audit.export', 'audit.drop']));
  });

  it('is a change, too, that ended', async () => {
    await app.api.post('/vault-instances', { name: 'own', kind: 'builtin' });
    await app.api.post('/vault-profiles', { name: 'own', instance: 'own', mount: 'own' });
    const body = { name: 'a', type: 'generic', content: { content: 'x' }, sourceProfile: 'own' };
    const { secret } = (await app.api.post('/secrets', body)).body;
    await app.api.put(`/secrets/${secret.id}/content`, { content: { content: 'y' } }, { ifMatch: '*' });
    const sql = `update change set ended_at = ended_at - interval '3 days'`;
    await app.database.database.pool.query(sql);
    await eventually(async () => {
      app.runJob(RETAIN_CHANGES);
      // What says how it was set up stays.
      const left: JsonBody[] = await app.api.all(`/changes?secret=${secret.id}`);
      expect(left.map(({ kind }) => kind as string)).toEqual(['secret.create']);
    });
    expect(readdirSync(files).some((name) => name.startsWith('changes-'))).toBe(true);
    expect((await app.api.get(`/secrets/${secret.id}/versions`)).body.items).toHaveLength(2);
  });
});
