import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, type ApiClient } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { runReport } from '../../apps/cli/src/report.js';
import { factsOf } from '../../libs/testing/src/report-room.js';
import { textOfPdf } from '../../libs/testing/src/pdf-text.js';
import { HookReceiver } from './hook-receiver.js';
import { Stage, unique, type StageVault } from './stage.js';

jest.setTimeout(120_000);

const CANARY = 'auditor-canary-91c4';
const KINDS = ['compliance', 'inventory', 'access', 'approvals', 'replication', 'expiring'];
const FORMATS = ['json', 'csv', 'pdf'];

let stage: Stage;
let source: StageVault;
let directory: string;
let auditor: ApiClient;
let name: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'claviger-reports-'));
  stage = await Stage.open({ bao: false });
  source = await stage.vault('builtin');
  const target = await stage.vault('builtin');
  auditor = await stage.tokenWith('auditor');
  name = unique('audited');
  const soon = new Date(Date.now() + 86_400_000).toISOString();
  const { id } = await stage.secret({ name, source, targets: [target], content: { value: CANARY }, expiresAt: soon });
  await stage.write(id as string, { value: `${CANARY} again` });
  await stage.content(id as string);
  await stage.inSync(id as string);
});
afterAll(async () => {
  await stage?.close();
  await rm(directory, { recursive: true });
});

/** The bytes of an answer. */
async function fetched(path: string): Promise<Buffer> {
  const headers = { authorization: `Bearer ${auditor.token}` };
  const answer = await fetch(`${auditor.url}/api/v1${path}`, { headers });
  expect({ path, status: answer.status }).toEqual({ path, status: 200 });
  return Buffer.from(await answer.arrayBuffer());
}

async function file(path: string, content: Buffer | string): Promise<string> {
  const at = join(directory, path);
  await writeFile(at, content);
  return at;
}

describe('an auditor', () => {
  it.each(KINDS)('has a report of %s drawn, reads no value in it, and verifies it offline', async (kind) => {
    const asked = await auditor.post('/reports', { kind });
    expect(asked).toMatchObject({ status: 201, body: { state: 'queued', formats: FORMATS } });
    const { documents, seal } = await stage.drawn(asked.body.id as string);
    expect(seal).toMatchObject({ number: expect.any(Number) });
    const key = await file('keys', await fetched('/report-keys'));
    for (const { format, ...facts } of documents as { format: string }[]) {
      const path = `/reports/${asked.body.id}/documents/${format}`;
      const bytes = await fetched(path);
      expect(factsOf(bytes)).toEqual(facts);
      const text = format === 'pdf' ? textOfPdf(bytes) : bytes.toString();
      expect({ format, tells: text.includes(CANARY) }).toEqual({ format, tells: false });
      if (!['approvals', 'compliance'].includes(kind))
        expect({ format, isAbout: text.includes(name) }).toEqual({ format, isAbout: true });
      const signature = await file('signature', await fetched(`${path}/signature`));
      const lines: string[] = [];
      const argv = ['verify', await file('document', bytes), '--signature', signature, '--key', key];
      expect(await runReport(argv, (line) => lines.push(line))).toBe(0);
      expect(lines[0]).toMatch(/^GENUINE/);
    }
  });

  it('finds in the audit log who had which report drawn, and who fetched it', async () => {
    const actions = (await auditor.all('/audit-entries?action=report')).map(({ action }) => action as string);
    for (const action of ['report.request', 'report.draw', 'report.fetch']) expect(actions).toContain(action);
  });
});

describe('a schedule', () => {
  it('has a report drawn by the right of its owner, and tells a webhook where it is found', async () => {
    const receiver = await HookReceiver.start();
    try {
      const hook = unique('hook');
      await stage.register('webhooks', { name: hook, url: receiver.url(`/${hook}`), eventTypes: ['report.*'] });
      const owner = await stage.userWith('admin');
      const body = { name: unique('schedule'), kind: 'inventory', formats: ['pdf'], cadence: 'daily', hour: 6 };
      expect(await owner.post('/report-schedules', body)).toMatchObject({ status: 201 });
      await stage.app.database.database.pool.query(`update report_schedule set next_run_at = now() where name = $1`, [
        body.name,
      ]);
      const told = await eventually(async () => {
        const post = receiver.posts.find(({ body: text }) => text.includes(body.name));
        expect(post).toBeDefined();
        return JSON.parse(post!.body) as { type: string; data: { subjectId: string; facts: { path: string } } };
      });
      expect(told).toMatchObject({ type: 'report.ready', data: { facts: { kind: 'inventory', schedule: body.name } } });
      expect(told.data.facts.path).toBe(`/api/v1/reports/${told.data.subjectId}`);
      expect(JSON.stringify(told)).not.toContain(name);
      expect(textOfPdf(await fetched(`/reports/${told.data.subjectId}/documents/pdf`))).toContain(name);
    } finally {
      await receiver.close();
    }
  });
});
